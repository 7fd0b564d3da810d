package caps

import (
	"fmt"
	"time"

	"github.com/mythos-project/mythos/internal/units"
	"github.com/mythos-project/mythos/object"
)

// clockSkew is how far a revocation list may be dated ahead of the verifier's clock. A list dated later would never
// grow stale.
const clockSkew = 5 * time.Minute

// unrevoked checks every link, root first, against the lists of its issuer and of all issuers above it
// (spec/capabilities.md#revocation). It fetches the list of each issuer once.
func (v *Verifier) unrevoked(chain Chain, now object.Time) *DeniedError {
	if v.Unlisted {
		return nil
	}
	if v.Revoked == nil {
		return v.noneRequired(chain)
	}
	var lists [MaxDepth]*RevocationList // of the links' issuers; nil: none
	for i := len(chain) - 1; i >= 0; i-- {
		list, err := v.listOf(chain, i, &lists)
		if d := v.usable(chain, i, list, now); d != nil {
			return d.because(err)
		}
		lists[i] = list
		for j := i; j < len(chain); j++ {
			if lists[j] != nil && lists[j].Has(chain[i].ID) {
				return chain.deny(i, CheckRevocation, fmt.Sprintf("%s revoked it (list %d of %s)",
					lists[j].Issuer.Name(), lists[j].Sequence, lists[j].TimeObserved), "ask "+chain[i].Cap.Issuer.Name()+" for a new one")
			}
		}
	}
	return nil
}

// listOf returns the list of link i's issuer. A link above may have the same issuer.
func (v *Verifier) listOf(chain Chain, i int, lists *[MaxDepth]*RevocationList) (*RevocationList, error) {
	issuer := chain[i].Cap.Issuer
	for j := i + 1; j < len(chain); j++ {
		if lists[j] != nil && lists[j].Issuer.Same(issuer) {
			return lists[j], nil
		}
	}
	list, err := v.Revoked(issuer)
	if err != nil || list == nil || !list.Issuer.Same(issuer) {
		return nil, err
	}
	return list, nil
}

func (v *Verifier) noneRequired(chain Chain) *DeniedError {
	for i := len(chain) - 1; i >= 0; i-- {
		if d := v.usable(chain, i, nil, 0); d != nil {
			return d
		}
	}
	return nil
}

// usable fails closed when link i requires a list that is missing or stale.
func (v *Verifier) usable(chain Chain, i int, list *RevocationList, now object.Time) *DeniedError {
	if !chain[i].Cap.Revocable() {
		return nil
	}
	issuer := chain[i].Cap.Issuer
	help := "fetch the newest revocation list of " + issuer.Name()
	if list == nil {
		return chain.deny(i, CheckRevocation, "it requires a revocation check and its issuer's list is missing", help)
	}
	if v.MaxAge == nil {
		return nil
	}
	most := v.MaxAge(issuer)
	if most <= 0 {
		return nil
	}
	if list.TimeObserved > now.Add(clockSkew) {
		return chain.deny(i, CheckRevocation, fmt.Sprintf("its issuer's revocation list is of %s, after now, %s", list.TimeObserved, now), help)
	}
	if oldest := now.Add(-most); list.TimeObserved < oldest {
		return chain.deny(i, CheckRevocation, fmt.Sprintf("its issuer's revocation list is of %s, older than %s",
			list.TimeObserved, units.FormatDuration(most)), help)
	}
	return nil
}
