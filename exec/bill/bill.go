// Package bill settles what an effect was charged beside its call, once it has an outcome
// (spec/capabilities.md#costs).
package bill

import (
	"context"
	"slices"

	"github.com/mythos-project/mythos/caps"
	"github.com/mythos-project/mythos/caps/quota"
	"github.com/mythos-project/mythos/ledger"
	"github.com/mythos-project/mythos/object"
)

// Quotas is what is needed of the counters; *quota.Quotas is one.
type Quotas interface {
	Paid(ctx context.Context, idem object.Hash) (*quota.Payment, error)
	Settling(chain caps.Chain, price, used uint64, idem *object.Hash) (keys []string, ride quota.Ride, err error)
}

// Bill is what an effect was charged beside its call.
type Bill struct {
	Price uint64
	Chain caps.Chain // what was charged, or where that is not at hand, what allows the effect now
	Other bool       // it is not what was charged: nothing can be returned
}

// Find is the bill of an effect that another attempt was charged for. offered are the
// capabilities at hand, and now is the one that allows the effect.
func Find(ctx context.Context, q Quotas, idem object.Hash, offered []caps.Chain, now caps.Chain) (Bill, error) {
	p, err := q.Paid(ctx, idem)
	if err != nil || p == nil {
		return Bill{Chain: now}, err
	}
	if i := slices.IndexFunc(offered, func(c caps.Chain) bool { return c[0].ID == p.Cap }); i >= 0 {
		return Bill{Price: p.Price, Chain: offered[i]}, nil
	}
	return Bill{p.Price, now, true}, nil
}

const counters = 1 << 10 // bytes of the counters of a chain, about

// Settle returns what becomes of a price with the outcome: what the tool did not use of it is
// returned, and what it used beyond it is counted. A tool that says nothing (nil) used it. idem is the effect; nil: it has no key.
func (b Bill) Settle(q Quotas, used *uint64, idem *object.Hash) ([]ledger.Rider, error) {
	spent := b.Price
	if used != nil && !(b.Other && *used < spent) {
		spent = *used
	}
	if b.Price == 0 {
		idem = nil // it has no payment
	}
	if spent == b.Price && idem == nil {
		return nil, nil
	}
	keys, ride, err := q.Settling(b.Chain, b.Price, spent, idem)
	return []ledger.Rider{{Size: counters, Reads: keys, Ride: ride}}, err
}
