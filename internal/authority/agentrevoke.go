package authority

import (
	"context"
	"errors"

	"github.com/mythos-project/mythos/caps"
	"github.com/mythos-project/mythos/internal/identity"
	"github.com/mythos-project/mythos/object"
)

// AgentRevocation is the result of revoking an agent.
type AgentRevocation struct {
	Held     []object.Hash // revoked capabilities that it held
	Issued   []object.Hash // revoked capabilities that it issued
	Standing []caps.Link   // capabilities that only others can revoke: their issuer's key is not here
}

// RevokeAgent revokes the capabilities that an agent holds or has issued and that are neither expired nor revoked, with
// the keys that are here. That also ends everything derived from them.
func (au *Authority) RevokeAgent(ctx context.Context, agent object.AgentID) (*AgentRevocation, error) {
	r := &AgentRevocation{}
	byIssuer := map[object.AgentID][]object.Hash{}
	now := au.ID.Now()
	err := au.Each(ctx, func(l caps.Link) error {
		holds, issued := l.Cap.Subject.Same(agent), l.Cap.Issuer.Same(agent)
		if !holds && !issued || now >= l.Cap.ExpiresAt {
			return nil
		}
		list, err := au.Revocations.List(ctx, l.Cap.Issuer)
		if err != nil || list != nil && list.Has(l.ID) {
			return err
		}
		switch _, err := au.ID.SignerOf(l.Cap.Issuer); {
		case errors.Is(err, identity.ErrNoKey):
			if holds { // capabilities that it issued elsewhere end with its trust
				r.Standing = append(r.Standing, l)
			}
			return nil
		case err != nil:
			return err
		}
		if issued {
			r.Issued = append(r.Issued, l.ID)
		} else {
			r.Held = append(r.Held, l.ID)
		}
		issuer := l.Cap.Issuer.Bare()
		byIssuer[issuer] = append(byIssuer[issuer], l.ID)
		return nil
	})
	if err != nil {
		return nil, err
	}
	for issuer, ids := range byIssuer {
		if _, _, err := au.Revoke(ctx, issuer, ids...); err != nil {
			return nil, err
		}
	}
	return r, nil
}
