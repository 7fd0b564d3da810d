package gateway

import (
	"context"
	"errors"

	"github.com/mythos-project/mythos/caps"
	"github.com/mythos-project/mythos/caps/scope"
	"github.com/mythos-project/mythos/exec"
	"github.com/mythos-project/mythos/exec/output"
	"github.com/mythos-project/mythos/ledger"
	"github.com/mythos-project/mythos/object"
)

// price returns the charge for a call of a tool: the price in its registration here or the one in the request,
// whichever is higher.
func (s *Service) price(ctx context.Context, tool object.Hash, price uint64) (uint64, error) {
	t, err := s.Tools.Get(ctx, tool)
	if errors.Is(err, exec.ErrNoTool) {
		return price, nil
	}
	return max(price, t.Policy.Price), err
}

// settled forgets the payment of an attempt that ended. If the chain in the request is the one that was charged, the
// whole charge of an attempt that did not start is returned to it and, for an attempt with an outcome, the part that
// the tool did not use. What the tool used beyond its price counts.
func (e *ending) settled(ctx context.Context, st *ledger.State) ([]ledger.Rider, error) {
	p, err := e.s.Quotas.Paid(ctx, e.c.idem)
	if err != nil {
		return nil, err
	}
	released := e.end.Resolution != nil && e.end.Resolution.Decision == ledger.ResolveRelease
	var riders []ledger.Rider
	if released && len(e.c.chain) > 0 && st.Register != nil {
		riders = append(riders, e.s.unspent(e.c.chain, st.Register))
	}
	if p == nil {
		return riders, nil
	}
	used, shown := p.Price, len(e.c.chain) > 0 && e.c.chain[0].ID == p.Cap
	if shown && e.end.Commit != nil {
		used = e.used(used)
	}
	keys, ride, err := e.s.Quotas.Settling(e.c.chain, p.Price, used, &e.c.idem)
	if released && shown && p.Fence == st.Fence {
		use := scope.Use{Kind: scope.KindToolCall, Tool: e.receipt.Receipt.ToolID, Price: p.Price}
		keys, ride, err = e.s.Quotas.Returning(e.c.chain, use.Cost(), &e.c.idem)
	}
	return append(riders, ledger.Rider{Size: 1 << 10, Reads: keys, Ride: ride}), err
}

// used returns what the receipt says the tool used, within its price or beyond it.
func (e *ending) used(price uint64) uint64 {
	if notes := e.receipt.Receipt.Notes; notes != nil {
		if use, _ := output.Used(*notes); use.Cost != nil {
			return *use.Cost
		}
	}
	return price
}

// beyond counts what a tool used beyond the price of a call without a key. Nothing is returned for such a call, because
// nobody here can tell whether the tool started.
func (s *Service) beyond(r *ledger.Receipt, chain caps.Chain) ([]ledger.Rider, error) {
	if r.Notes == nil {
		return nil, nil
	}
	use, price := output.Used(*r.Notes)
	if use.Cost == nil || *use.Cost <= price {
		return nil, nil
	}
	keys, ride, err := s.Quotas.Settling(chain, price, *use.Cost, nil)
	return []ledger.Rider{{Size: 1 << 10, Reads: keys, Ride: ride}}, err
}
