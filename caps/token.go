package caps

import (
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"net/url"
	"slices"
	"strings"

	"github.com/mythos-project/mythos/object"
)

// Bounds of a TokenRule.
const (
	MaxTokenClaims = 32
	maxClaimName   = 64   // bytes
	maxClaimValue  = 1024 // bytes; of an issuer and an audience, too
)

// TokenRule says whose identity tokens (OpenID Connect) a rule accepts [cap-136].
type TokenRule struct {
	Issuer   string            `can:"1,issuer"`   // as in the token: an https URL, or http to a loopback address
	Claims   map[string]string `can:"2,claims"`   // 1 to 32: the required values of claims
	Audience *string           `can:"3,audience"` // the token's audience; absent: mythos:SERVER:KEY
}

// ShownToken is an identity token after its signature and times were verified.
type ShownToken struct {
	Issuer, Subject, Audience string
	Claims                    map[string]string // claims whose values are texts
}

// TokenAudience is the audience of a token that is valid for one key at one server, so that a stolen token is of no
// use.
func TokenAudience(server, key object.AgentID) string {
	return "mythos:" + server.KeyHex() + ":" + key.KeyHex()
}

// ownClaims are checked for every token; a rule cannot name them.
const ownClaims = " iss aud exp nbf iat jti "

func (r *TokenRule) check() error {
	if err := CheckTokenIssuer(r.Issuer); err != nil {
		return err
	}
	if len(r.Claims) == 0 || len(r.Claims) > MaxTokenClaims {
		return fmt.Errorf("a rule about tokens names 1 to %d claims: with none, it would serve everyone whom the issuer knows", MaxTokenClaims)
	}
	for name, value := range r.Claims {
		switch {
		case len(name) == 0 || len(name) > maxClaimName:
			return fmt.Errorf("the name of a claim has 1 to %d bytes", maxClaimName)
		case strings.Contains(ownClaims, " "+name+" "):
			return fmt.Errorf("a rule cannot name the claim %s", name)
		case len(value) == 0 || len(value) > maxClaimValue:
			return fmt.Errorf("the claim %s has 1 to %d bytes", name, maxClaimValue)
		}
	}
	if r.Audience != nil && (len(*r.Audience) == 0 || len(*r.Audience) > maxClaimValue) {
		return fmt.Errorf("an audience has 1 to %d bytes", maxClaimValue)
	}
	return nil
}

// CheckTokenIssuer accepts an https URL without query and fragment, and http only to a loopback address.
func CheckTokenIssuer(text string) error {
	u, err := url.Parse(text)
	if err != nil || len(text) > maxClaimValue || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" || u.Opaque != "" || u.String() != text {
		return fmt.Errorf("the issuer %q is not a plain URL", text)
	}
	if u.Scheme != "https" && !(u.Scheme == "http" && Loopback(u)) {
		return fmt.Errorf("the issuer %q does not use https", text)
	}
	return nil
}

// Loopback reports whether a URL's host is the address (not the name) of a loopback interface.
func Loopback(u *url.URL) bool {
	ip, err := netip.ParseAddr(u.Hostname())
	return err == nil && ip.IsLoopback()
}

// admits returns why the rule does not accept a token that is shown for a key at a server.
func (r *TokenRule) admits(by *ShownToken, server, key object.AgentID) error {
	want := TokenAudience(server, key)
	if r.Audience != nil {
		want = *r.Audience
	}
	if by.Audience != want {
		return fmt.Errorf("the token's audience is %q, expected is %q", by.Audience, want)
	}
	for _, name := range slices.Sorted(maps.Keys(r.Claims)) {
		switch got, there := by.Claims[name]; {
		case !there:
			return fmt.Errorf("the token has no claim %s that is text", object.Shown(name))
		case got != r.Claims[name]:
			return fmt.Errorf("the token's claim %s is %q, which the rule does not take", object.Shown(name), got)
		}
	}
	return nil
}

// Asker proves who asks for a capability: by a signature of the draft's subject alone, or also with a token.
type Asker struct {
	Server object.AgentID // who is asked
	Token  *ShownToken    // nil: no token is shown
}

// errTokens is why a rule about tokens does not apply without a request.
var errTokens = errors.New("it gives only on request, to an agent that shows a token")

// about reports whether the rule applies to such a request.
func (by *Asker) about(r *IssuanceRule) bool {
	if by.Token == nil {
		return r.OnRequest != nil && *r.OnRequest
	}
	return r.Token != nil && r.Token.Issuer == by.Token.Issuer
}

// TokenIssuer reports whether a rule accepts tokens of an issuer.
func (p *IssuancePolicy) TokenIssuer(name string) bool {
	for i := range p.Rules {
		if t := p.Rules[i].Token; t != nil && t.Issuer == name {
			return true
		}
	}
	return false
}

// ServesOnRequest reports whether a rule gives something to an agent who asks without a token.
func (p *IssuancePolicy) ServesOnRequest(agent object.AgentID) bool {
	by := Asker{}
	return slices.ContainsFunc(p.Rules, func(r IssuanceRule) bool { return by.about(&r) && r.serves(agent) })
}
