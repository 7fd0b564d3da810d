package caps

import (
	"fmt"
	"time"

	"github.com/mythos-project/mythos/caps/scope"
	"github.com/mythos-project/mythos/object"
)

// Verifier decides on chains. Set its fields before its first use; after that it may be used from many goroutines. It
// remembers the chains that it has proven: verifying one again costs no signature check. It checks trust, time,
// revocation and the holder every time.
type Verifier struct {
	// Trusted reports whether an agent may issue roots for a kind of scope. Nil trusts nobody.
	Trusted func(issuer object.AgentID, kind uint8) bool
	// Revoked returns an agent's newest revocation list, with its signature verified; nil or an error when there is
	// none. A nil Revoked knows no lists.
	Revoked func(issuer object.AgentID) (*RevocationList, error)
	// MaxAge is how old an agent's revocation list may be where a list is required; 0 sets no limit. A nil MaxAge sets
	// no limit for anyone.
	MaxAge func(issuer object.AgentID) time.Duration
	// Unlisted verifies without revocation lists, even if a link requires them: for chains in evidence, which has no
	// lists. Revoked and MaxAge are not used.
	Unlisted bool

	cache cache
}

// Verify checks the whole chain (see the package comment), and that holder may use it now. A refusal is a *DeniedError
// that names the first link that fails, from the root down. A chain that was verified before costs no signature check.
func (v *Verifier) Verify(chain Chain, holder object.AgentID, now object.Time) error {
	_, err := v.verify(chain, holder, now)
	return err
}

// Authorize is Verify, and also checks that the chain allows the use: kind, scope, constraints, and that no limit is
// below the cost of this one use. Use [Quotas] to charge it.
func (v *Verifier) Authorize(chain Chain, holder object.AgentID, use scope.Use, now object.Time) error {
	p, err := v.verify(chain, holder, now)
	if err != nil {
		return err
	}
	return p.authorize(use)
}

func (p *proven) authorize(use scope.Use) error {
	leaf := p.scopes[0]
	if !scope.Serves(leaf.Kind(), use.Kind) {
		return p.links.deny(0, CheckScope, fmt.Sprintf("it is for %s, the use is %s", scope.KindName(leaf.Kind()), scope.KindName(use.Kind)),
			"use a capability for "+scope.KindName(use.Kind))
	}
	if err := scope.Covers(leaf, &use); err != nil {
		return p.links.deny(0, CheckScope, err.Error(), "it allows "+p.links[0].Cap.Scope.String())
	}
	if err := scope.CostWithin(use.Cost(), scope.Limits(leaf)); err != nil {
		return p.links.deny(0, CheckScope, err.Error(), "it allows "+p.links[0].Cap.Scope.String())
	}
	return nil
}

func (v *Verifier) verify(chain Chain, holder object.AgentID, now object.Time) (*proven, error) {
	p, err := v.cache.prove(chain)
	if err != nil {
		return nil, err
	}
	if d := p.links.rootTrusted(v.Trusted); d != nil {
		return nil, d
	}
	if d := p.links.validAt(now); d != nil {
		return nil, d
	}
	if d := v.unrevoked(p.links, now); d != nil {
		return nil, d
	}
	return p, p.heldBy(holder)
}

// heldBy checks the subject of the leaf.
func (p *proven) heldBy(holder object.AgentID) error {
	if subject := p.links[0].Cap.Subject; !subject.Same(holder) {
		return p.links.deny(0, CheckHolder, fmt.Sprintf("it is for %s, not for %s", subject.Name(), holder.Name()),
			"have it attenuated to "+holder.KeyHex())
	}
	return nil
}

// rootTrusted checks that the root's issuer is trusted for its kind.
func (c Chain) rootTrusted(trusted func(object.AgentID, uint8) bool) *DeniedError {
	root := len(c) - 1
	issuer, kind := c[root].Cap.Issuer, c[root].Cap.Scope.Kind
	if trusted != nil && trusted(issuer, kind) {
		return nil
	}
	return c.deny(root, CheckTrust, fmt.Sprintf("%s is not trusted to issue %s", issuer.Name(), scope.KindName(kind)),
		fmt.Sprintf("if you do trust key %s for %q, say so in trust.yaml", issuer.KeyHex(), scope.Domain(kind)))
}

// validAt checks not_before ≤ now < expires_at, root first.
func (c Chain) validAt(now object.Time) *DeniedError {
	for i := len(c) - 1; i >= 0; i-- {
		switch l := &c[i].Cap; {
		case now < l.NotBefore:
			return c.deny(i, CheckTime, fmt.Sprintf("it is not valid before %s, now is %s", l.NotBefore, now), "wait, or check the clock")
		case now >= l.ExpiresAt:
			return c.deny(i, CheckTime, fmt.Sprintf("it expired at %s, now is %s", l.ExpiresAt, now),
				"ask "+l.Issuer.Name()+" for a new one")
		}
	}
	return nil
}
