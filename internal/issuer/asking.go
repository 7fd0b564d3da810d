package issuer

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/mythos-project/mythos/caps"
	"github.com/mythos-project/mythos/exec"
	"github.com/mythos-project/mythos/internal/authority"
	"github.com/mythos-project/mythos/internal/oidc"
	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/object/can"
)

// keepNonce is how long the nonce of a request without a token is remembered: longer than its signature is valid.
const keepNonce = time.Hour

// early is how long before now a capability begins: the requester's clock may be behind.
const early = time.Minute

// asking is one request while it is processed.
type asking struct {
	authority.Asked
	s      *Service
	q      *caps.Request
	policy *caps.IssuancePolicy
	token  *oidc.Token // nil: no token, or not a valid one
	known  bool        // it has a valid token, or a key that a rule names
}

// prove identifies the requester.
func (a *asking) prove(ctx context.Context) (err error) {
	if a.policy == nil {
		return denied("no issuance policy is in force, and without one requests get nothing", "at the peer: mythos cap policy set FILE")
	}
	if a.q.Token == nil {
		if !a.policy.ServesOnRequest(a.Agent) {
			return denied(fmt.Sprintf("no rule allows anything to %s without a token", a.Agent), "at the peer, a rule with `request: true` must name the key; or ask with --oidc")
		}
		a.known = true
		if err := a.s.Trusted(a.Agent); err != nil {
			return denied(err.Error(), "")
		}
		a.Key = object.Sum(append(a.Agent.Key[:], a.q.Nonce...))
		a.Until = a.s.Auth.ID.Now().Add(keepNonce)
		return nil
	}
	a.token, err = a.s.Tokens.Verify(ctx, *a.q.Token, a.policy.TokenIssuer)
	if errors.Is(err, oidc.ErrToken) {
		return &caps.DeniedError{Check: caps.CheckActive, Reason: "the requester is not proven", Err: err, Help: "`mythos cap policy show` at the peer shows which issuers' tokens are accepted"}
	}
	if err != nil {
		return err
	}
	a.known = true
	a.Key, a.Until = a.token.ID, object.TimeOf(a.token.Expires.Add(oidc.Skew))
	return nil
}

// give issues what the policy allows, or finds what was issued for the same request before.
func (a *asking) give(ctx context.Context) (*authority.Given, error) {
	a.s.mu.Lock()
	defer a.s.mu.Unlock()
	if before, err := a.s.Auth.Given(ctx, a.Asked); before != nil || err != nil {
		if errors.Is(err, authority.ErrAsked) {
			err = &caps.DeniedError{Check: caps.CheckActive, Reason: "a token is valid for one key and one request", Err: err,
				Help: "ask the issuer for another token; if the other request was not yours, the token was stolen"}
		}
		return before, err
	}
	draft := caps.Draft{Subject: a.Agent, NotBefore: a.s.Auth.ID.Now()}
	var err error
	if draft.Scope, err = a.s.Scope(ctx, a.q.Scope); err != nil {
		if !errors.Is(err, exec.ErrNoTool) {
			err = fmt.Errorf("%w: %w", object.ErrInvalid, err)
		}
		return nil, fmt.Errorf("scope %q: %w", a.q.Scope, err)
	}
	if ttl := a.q.TTLus; ttl != nil {
		draft.ExpiresAt = draft.NotBefore + object.Time(min(*ttl, 1<<60))
	}
	by := caps.Asker{Server: a.s.Auth.ID.Self()}
	if a.token != nil {
		by.Token = &a.token.ShownToken
	}
	draft, rule, err := a.policy.PermitRequest(draft, by, draft.NotBefore)
	if err != nil {
		return nil, err
	}
	draft.NotBefore -= object.Time(early.Microseconds())
	proof, err := a.proof(rule)
	if err != nil {
		return nil, err
	}
	return a.s.Auth.IssueTo(ctx, a.Asked, draft, proof)
}

// proof returns the reason why the rule allows it.
func (a *asking) proof(rule *caps.IssuanceRule) ([]byte, error) {
	p := caps.Proof{Agent: a.Agent, PolicyID: a.policy.PolicyID, Rule: rule.Name}
	if t := a.token; t != nil {
		p.Issuer, p.Subject, p.Audience, p.TokenID, p.Claims = &t.Issuer, &t.Subject, &t.Audience, &t.ID, map[string]string{}
		for name := range rule.Token.Claims {
			p.Claims[name] = t.Claims[name]
		}
	}
	return can.Marshal(&p)
}
