package caps

import (
	"errors"
	"fmt"

	"github.com/mythos-project/mythos/object"
)

// Bounds of a Request.
const (
	MaxToken     = 16 << 10 // bytes of a token
	MaxRequest   = MaxToken + 64<<10
	RequestNonce = 16 // bytes
)

// Request asks an authority for a capability for the agent who signed the request [cap-134].
type Request struct {
	Scope string  `can:"1,scope"`          // in text form; the authority resolves names
	TTLus *uint64 `can:"2,ttl_us"`         // microseconds; absent: as long as the rule allows, an hour at most
	Token *string `can:"3,token"`          // an identity token; absent: only the signature proves who asks
	Nonce []byte  `can:"4,nonce,optional"` // 16 random bytes, only without a token: they make the request unique
}

// Check refuses a request that is not unique.
func (r Request) Check() error {
	switch {
	case (r.Token == nil) == (r.Nonce == nil):
		return errors.New("a request has a token or a nonce")
	case r.Token != nil && (len(*r.Token) == 0 || len(*r.Token) > MaxToken):
		return fmt.Errorf("a token has 1 to %d bytes", MaxToken)
	case r.Nonce != nil && len(r.Nonce) != RequestNonce:
		return fmt.Errorf("a nonce has %d bytes", RequestNonce)
	}
	return nil
}

// Issued is the answer to a Request.
type Issued struct {
	Capability []byte `can:"1,capability"` // canonical
	Receipt    []byte `can:"2,receipt"`    // of mythos.cap.issue
	Proof      []byte `can:"3,proof"`      // canonical IssuanceProof, which the receipt's evidence names
	Seq        uint64 `can:"4,seq"`        // place of the receipt in the authority's log
}

// Proof says why the asker got a capability. It is in the evidence of the receipt.
type Proof struct {
	Agent    object.AgentID    `can:"1,agent"`           // the agent who asked and signed
	PolicyID object.Hash       `can:"2,policy_id"`       // in force
	Rule     string            `can:"3,rule"`            // of the policy
	Issuer   *string           `can:"4,issuer"`          // issuer of the token; absent: no token was shown
	Subject  *string           `can:"5,subject"`         // subject of the token
	Audience *string           `can:"6,audience"`        // of the token
	Claims   map[string]string `can:"7,claims,optional"` // the token's claims that the rule names
	TokenID  *object.Hash      `can:"8,token_id"`        // identifies the token
}

// Refused is the content of a refused request. The receipt of the refusal names its hash as the hash of the request
// [cap-151].
type Refused struct {
	Agent    object.AgentID    `can:"1,agent"`           // the agent who asked and signed
	PolicyID *object.Hash      `can:"2,policy_id"`       // the policy in force; absent: none
	Scope    *string           `can:"3,scope"`           // as requested; absent: longer than 1,024 bytes
	Issuer   *string           `can:"4,issuer"`          // issuer of the token; absent: no token was shown, or no valid one
	Subject  *string           `can:"5,subject"`         // subject of the token
	Audience *string           `can:"6,audience"`        // of the token
	Claims   map[string]string `can:"7,claims,optional"` // the token's claims that a rule about its issuer names
	TokenID  *object.Hash      `can:"8,token_id"`        // identifies the token
	Missed   uint64            `can:"9,missed"`          // earlier refusals that left no receipt
}

// RefusedTo returns what a refusal records of the asker. Claims are those that rules about the token's issuer name. It
// leaves out texts that are too long for any rule to match.
func (p *IssuancePolicy) RefusedTo(agent object.AgentID, scope string, token *ShownToken) Refused {
	r := Refused{Agent: agent, Scope: short(scope)}
	if p == nil {
		return r
	}
	r.PolicyID = &p.PolicyID
	if token == nil {
		return r
	}
	r.Issuer, r.Subject, r.Audience, r.Claims = &token.Issuer, short(token.Subject), short(token.Audience), map[string]string{}
	for i := range p.Rules {
		rule := p.Rules[i].Token
		if rule == nil || rule.Issuer != token.Issuer {
			continue
		}
		for name := range rule.Claims {
			if value, there := token.Claims[name]; there && short(value) != nil {
				r.Claims[name] = value
			}
		}
	}
	return r
}

func short(text string) *string {
	if len(text) > maxClaimValue {
		return nil
	}
	return &text
}
