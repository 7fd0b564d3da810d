package overview

import (
	"context"
	"strings"

	"github.com/mythos-project/mythos/caps"
	"github.com/mythos-project/mythos/internal/history"
	"github.com/mythos-project/mythos/internal/identity"
	"github.com/mythos-project/mythos/internal/keyfile"
	"github.com/mythos-project/mythos/object"
)

// caller is the name of the agent for whom an effect was asked for: the one from whom the executor has the capability or,
// without a capability, the one whose name begins its key, as in [history.Client]. Otherwise it is the signer.
func (g *gatherer) caller(ctx context.Context, h history.Event) string {
	if h.Capability != nil {
		leaf := g.capability(ctx, h.Capability)
		if leaf == nil || leaf.AttenuationParent == nil {
			return h.Who()
		}
		if parent := g.capability(ctx, leaf.AttenuationParent); parent != nil && !parent.Subject.Same(g.n.Self()) {
			return g.n.KeptName(parent.Subject)
		}
		return h.Who()
	}
	name, _, found := strings.Cut(h.Key, "/")
	if _, err := keyfile.Public(identity.KeyDir(g.n.Dir), name); found && err == nil {
		return name
	}
	return h.Who()
}

// capability is a stored capability; nil: there is none.
func (g *gatherer) capability(ctx context.Context, id *object.Hash) *caps.Capability {
	o, err := g.n.Store.Object(ctx, *id)
	if err != nil {
		return nil
	}
	link, err := caps.Open(o.Raw)
	if err != nil {
		return nil
	}
	return &link.Cap
}
