package overview

import (
	"context"
	"strings"

	"github.com/mythos-project/mythos/caps"
	"github.com/mythos-project/mythos/internal/history"
	"github.com/mythos-project/mythos/internal/identity"
	"github.com/mythos-project/mythos/internal/keyfile"
)

// caller is the name of the agent for whom an effect was asked for: the one that issued the capability to the executor
// or, without a capability, the one whose name begins its key, as in [history.Client]. Otherwise it is the signer.
func (g *gatherer) caller(ctx context.Context, h history.Event) string {
	if h.Capability != nil {
		if o, err := g.n.Store.Object(ctx, *h.Capability); err == nil {
			if link, err := caps.Open(o.Raw); err == nil && link.Cap.AttenuationParent != nil && !link.Cap.Issuer.Same(g.n.Self()) {
				return g.n.KeptName(link.Cap.Issuer)
			}
		}
		return h.Who()
	}
	name, _, found := strings.Cut(h.Key, "/")
	if _, err := keyfile.Public(identity.KeyDir(g.n.Dir), name); found && err == nil {
		return name
	}
	return h.Who()
}
