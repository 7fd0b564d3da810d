// Package bill settles the charge of an effect beside its call, once the effect has an outcome
// (spec/capabilities.md#costs).
package bill

import (
	"context"
	"slices"

	"github.com/mythos-project/mythos/caps"
	"github.com/mythos-project/mythos/caps/quota"
	"github.com/mythos-project/mythos/caps/scope"
	"github.com/mythos-project/mythos/ledger"
	"github.com/mythos-project/mythos/object"
)

// Quotas are the counters; *quota.Quotas is one.
type Quotas interface {
	Paid(ctx context.Context, idem object.Hash) (*quota.Payment, error)
	Returning(chain caps.Chain, cost []scope.Amount, idem *object.Hash) (keys []string, ride quota.Ride, err error)
	Settling(chain caps.Chain, price, used uint64, idem *object.Hash) (keys []string, ride quota.Ride, err error)
}

// Bill is the charge of an effect beside its call.
type Bill struct {
	Price uint64
	// Tokens and GPUms are the most that a training may use, charged in advance.
	Tokens, GPUms uint64
	Chain         caps.Chain // the charged chain or, if that is not known, the chain that allows the effect now
	Other         bool       // it is not the charged chain: nothing can be returned
}

// Find returns the bill of an effect that another attempt was charged for. offered are the known capabilities; now is
// the one that allows the effect.
func Find(ctx context.Context, q Quotas, idem object.Hash, offered []caps.Chain, now caps.Chain) (Bill, error) {
	p, err := q.Paid(ctx, idem)
	if err != nil || p == nil {
		return Bill{Chain: now}, err
	}
	if i := slices.IndexFunc(offered, func(c caps.Chain) bool { return c[0].ID == p.Cap }); i >= 0 {
		return Bill{Price: p.Price, Tokens: p.Tokens, GPUms: p.GPUms, Chain: offered[i]}, nil
	}
	return Bill{p.Price, p.Tokens, p.GPUms, now, true}, nil
}

// Used is the use that a tool reports; nil if it reports no cost.
type Used struct {
	Cost          *uint64
	Tokens, GPUms uint64
}

const counters = 1 << 10 // approximate size of the counters of a chain, in bytes

// Settle settles a price with the outcome: it returns the unused part and counts use beyond the price. A tool that
// reports nothing (nil) has used the price. idem is the effect; nil: it has no key.
func (b Bill) Settle(q Quotas, used Used, idem *object.Hash) ([]ledger.Rider, error) {
	if b.Price+b.Tokens+b.GPUms == 0 {
		idem = nil // it has no payment
	}
	spent := b.Price
	if used.Cost != nil && !(b.Other && *used.Cost < spent) {
		spent = *used.Cost
	}
	rest := b.unused(used)
	if spent == b.Price && len(rest) == 0 && idem == nil {
		return nil, nil
	}
	keys, ride, err := q.Settling(b.Chain, b.Price, spent, idem)
	if len(rest) > 0 { // trainings have no price
		keys, ride, err = q.Returning(b.Chain, rest, idem)
	}
	return []ledger.Rider{{Size: counters, Reads: keys, Ride: ride}}, err
}

// unused is the unused part of a training's budget.
func (b Bill) unused(used Used) (rest []scope.Amount) {
	for _, a := range []scope.Amount{{Of: scope.Tokens, N: b.Tokens - min(b.Tokens, used.Tokens)}, {Of: scope.GPUms, N: b.GPUms - min(b.GPUms, used.GPUms)}} {
		if a.N > 0 && !b.Other {
			rest = append(rest, a)
		}
	}
	return rest
}
