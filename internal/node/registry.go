package node

import (
	"context"

	"github.com/mythos-project/mythos/dataset"
	"github.com/mythos-project/mythos/internal/keyfile"
	"github.com/mythos-project/mythos/model"
	"github.com/mythos-project/mythos/object"
)

// registry is that of recipes, models, suites, policies and rings here.
func (n *Node) registry() *model.Registry {
	ctx := context.Background()
	trusts := func(domain string) model.TrustedAt {
		return func(a object.AgentID, at model.When) bool {
			return n.Judge.Counted(ctx, a, domain, n.Judge.Moment(ctx, at))
		}
	}
	receipt := func(a object.AgentID, at model.When) bool {
		return n.Judge.ReceiptCounted(ctx, a, n.Judge.Moment(ctx, at))
	}
	return &model.Registry{
		KV: n.DB, Store: n.Store, Receipts: receipts{n.Source}, Responses: n.Store, Pins: n.Store, Now: n.Now,
		Trust: model.Trust{Receipt: receipt, Attest: trusts(keyfile.ForAttest), Policy: trusts("deploy")},
	}
}

// receipts finds receipts of this ledger and those that came from others.
type receipts struct{ src *dataset.StoreSource }

// Receipt implements model.Receipts.
func (r receipts) Receipt(ctx context.Context, id object.Hash) ([]byte, error) {
	return r.src.ReceiptBytes(ctx, id)
}
