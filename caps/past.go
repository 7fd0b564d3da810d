package caps

import (
	"fmt"

	"github.com/mythos-project/mythos/caps/scope"
	"github.com/mythos-project/mythos/object"
)

// Past is the trust and the time of an earlier moment, at which the action that is judged now happened.
type Past struct {
	At object.Time // when the action happened
	// Trusted reports whether an agent was allowed to issue roots for a kind of scope at that time. Nil trusts nobody.
	Trusted func(issuer object.AgentID, kind uint8) bool
	// Later reports whether a capability that a list names was revoked only after that moment. Nil: none was.
	Later func(id object.Hash, list *RevocationList) bool
}

// Then judges a chain as it was at an earlier moment (spec/capabilities.md#verification): by the trust and the time of
// that moment, and without later revocations. If use is given, the chain must have allowed it. The notes say what has
// changed since. Then does not check whether a revocation list was fresh enough at that moment, because only the newest
// list is kept.
func (v *Verifier) Then(chain Chain, holder object.AgentID, use *scope.Use, past Past) (notes []string, err error) {
	p, err := v.cache.prove(chain)
	if err != nil {
		return nil, err
	}
	if d := p.links.rootTrusted(past.Trusted); d != nil {
		return nil, d
	}
	if d := p.links.validAt(past.At); d != nil {
		return nil, d
	}
	if notes, err = v.revokedSince(p.links, past); err != nil {
		return nil, err
	}
	if err := p.heldBy(holder); err != nil {
		return nil, err
	}
	if use == nil {
		return notes, nil
	}
	return notes, p.authorize(*use)
}

// revokedSince refuses links that were revoked at that moment, and notes links that were revoked later.
func (v *Verifier) revokedSince(chain Chain, past Past) (notes []string, err error) {
	if v.Revoked == nil {
		if d := v.noneRequired(chain); d != nil {
			return nil, d
		}
		return nil, nil
	}
	var lists [MaxDepth]*RevocationList
	for i := len(chain) - 1; i >= 0; i-- {
		if lists[i], err = v.listOf(chain, i, &lists); err != nil || lists[i] == nil && chain[i].Cap.Revocable() {
			return nil, chain.deny(i, CheckRevocation, "it requires a revocation check and its issuer's list is missing",
				"fetch the newest revocation list of "+chain[i].Cap.Issuer.Name()).because(err)
		}
		for j := i; j < len(chain); j++ {
			if lists[j] == nil || !lists[j].Has(chain[i].ID) {
				continue
			}
			if past.Later == nil || !past.Later(chain[i].ID, lists[j]) {
				return nil, chain.deny(i, CheckRevocation, fmt.Sprintf("%s revoked it (list %d of %s)",
					lists[j].Issuer.Name(), lists[j].Sequence, lists[j].TimeObserved), "")
			}
			notes = append(notes, fmt.Sprintf("%s revoked capability %s later (list %d of %s)", lists[j].Issuer.Name(), chain[i].ID.Short(),
				lists[j].Sequence, lists[j].TimeObserved))
			break
		}
	}
	return notes, nil
}
