package repo

import (
	"context"

	"github.com/mythos-project/mythos/dataset"
	"github.com/mythos-project/mythos/dataset/pages"
	"github.com/mythos-project/mythos/internal/keyfile"
	"github.com/mythos-project/mythos/model"
	"github.com/mythos-project/mythos/model/registry"
	"github.com/mythos-project/mythos/object"
)

// registry returns the registry of recipes, models, suites, policies and rings here.
func (r *Repo) registry() *registry.Registry {
	ctx := context.Background()
	trusts := func(domain string) model.TrustedAt {
		return func(a object.AgentID, at model.When) bool {
			return r.Judge.Counted(ctx, a, domain, r.Judge.Moment(ctx, at))
		}
	}
	receipt := func(a object.AgentID, at model.When) bool {
		return r.Judge.ReceiptCounted(ctx, a, r.Judge.Moment(ctx, at))
	}
	return &registry.Registry{
		KV: r.DB, Store: r.Store, Receipts: receipts{r.Source}, Responses: r.Store, Pins: r.Store, Now: r.Now,
		Trust: model.Trust{Receipt: receipt, Attest: trusts(keyfile.ForAttest), Policy: trusts("deploy")},
	}
}

// author signs pages of values, and believes those of whom it believes receipts.
func (r *Repo) author() *pages.Author {
	return &pages.Author{Key: r.Key, Trusted: func(a object.AgentID) bool {
		return r.Models.Trust.Receipt(a, model.When{Time: r.Now()})
	}}
}

// receipts finds receipts of this ledger and foreign ones.
type receipts struct{ src *dataset.StoreSource }

// Receipt implements registry.Receipts.
func (rs receipts) Receipt(ctx context.Context, id object.Hash) ([]byte, error) {
	return rs.src.ReceiptBytes(ctx, id)
}
