package exec

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/mythos-project/mythos/caps"
	"github.com/mythos-project/mythos/exec/patience"
	"github.com/mythos-project/mythos/ledger"
	"github.com/mythos-project/mythos/object"
)

// Awaiter is an optional ability of a Ledger: it waits until nobody else is running an effect. Without it, a busy
// effect is an error at once.
type Awaiter interface {
	Await(ctx context.Context, idem, requestHash object.Hash) (*ledger.Awaited, error)
}

// Renewer is an optional ability of a Ledger: it extends the lease of an attempt while its tool runs. Without it, a
// lease lasts for the tool's timeout and the Gate's Lease.
type Renewer interface {
	Renew(ctx context.Context, d ledger.Decision, p ledger.Policy) (bool, error)
}

// Elsewhere is an optional ability of a Ledger: effects are registered on another machine, which charges the authority
// at least the price given here. If charged is nil, the attempt resumes one that was charged.
type Elsewhere interface {
	Elsewhere(tool object.Hash) bool
	RegisterThere(ctx context.Context, e Effect, chains []caps.Chain, price uint64, p ledger.Policy) (d ledger.Decision, charged caps.Chain, paid uint64, err error)
}

// await waits until nobody else is running the effect. done means that the other attempt left its outcome, out. The
// error is busy if there is no time left to wait.
func (a *attempt) await(ctx context.Context, busy *ledger.BusyError) (out Outcome, done bool, err error) {
	w, able := a.gate.Ledger.(Awaiter)
	limited, cancel, patient := a.patience.Limit(ctx)
	defer cancel()
	if !able || !patient {
		return Outcome{}, false, a.patience.Over(busy)
	}
	if a.gate.Waiting != nil && a.patience.Tell(busy.Fence) {
		a.gate.Waiting(*busy)
	}
	begin, back := time.Now(), a.effect.Manner.Waits()
	left, err := w.Await(limited, busy.IdemID, a.requestHash)
	back()
	a.patience.Since(begin)
	switch {
	case err != nil && ctx.Err() != nil:
		return Outcome{}, false, ctx.Err()
	case errors.Is(err, context.DeadlineExceeded):
		return Outcome{}, false, a.patience.Over(busy)
	case err != nil || left == nil:
		return Outcome{}, false, err
	}
	if a.again && ledger.Retryable(left.Decision.Commit.Status) {
		return Outcome{}, false, nil
	}
	d := left.Decision
	d.Response = left.Body
	out, err = a.gate.replay(ctx, d)
	return out, err == nil, err
}

// admitAgain checks the authority again after a wait, because it may have ended.
func (a *attempt) admitAgain(ctx context.Context) error {
	if a.patience.Spent == 0 {
		return nil
	}
	allowed, err := a.authorize(ctx)
	if err != nil {
		return err // the effect is no longer covered
	}
	a.allowed = allowed
	return nil
}

// Elsewhere reports whether another machine judges and records the effects of a tool.
func (g *Gate) Elsewhere(tool object.Hash) bool {
	far, able := g.Ledger.(Elsewhere)
	return able && far.Elsewhere(tool)
}

// registering asks the ledger, here or elsewhere.
func (a *attempt) registering(ctx context.Context, p ledger.Policy) (ledger.Decision, error) {
	e := &a.effect
	if !a.gate.Elsewhere(e.Tool) {
		return a.gate.Ledger.RegisterWith(ctx, e.Tool, e.Key, a.requestHash, p,
			func(s ledger.State) []ledger.Rider { return append(a.charging(ctx, s), e.Riders...) })
	}
	if len(e.Riders) > 0 {
		return ledger.Decision{}, fmt.Errorf("tool %s: changes of the store here cannot be made with a register elsewhere", a.target.name)
	}
	if err := a.admitAgain(ctx); err != nil {
		return ledger.Decision{}, err
	}
	d, charged, price, err := a.gate.Ledger.(Elsewhere).RegisterThere(ctx, *e, a.allowed, a.use.Price, p)
	if a.chain, a.charged, a.price = a.allowed[0], charged != nil, price; a.charged {
		a.chain = charged
	}
	if err == nil && d.Action == ledger.Invoke {
		err = a.people.There(ctx, d.Agreed)
	}
	return d, err
}

// enter waits until no other attempt at the key is running in this process.
func (a *attempt) enter(ctx context.Context) (leave func(), err error) {
	idem := ledger.IdemID(a.effect.Tool, a.effect.Key)
	if leave := a.gate.flights.TryEnter(idem); leave != nil {
		return leave, nil
	}
	defer a.effect.Manner.Waits()()
	if a.effect.Manner.Wait == 0 && a.gate.Wait == 0 { // no setting: our own attempts wait for one another
		return a.gate.flights.Enter(ctx, idem)
	}
	busy := &ledger.BusyError{IdemID: idem, Owner: a.gate.Signer.Agent()}
	limited, cancel, patient := a.patience.Limit(ctx)
	defer cancel()
	if !patient {
		return nil, busy
	}
	begin := time.Now()
	leave, err = a.gate.flights.Enter(limited, idem)
	a.patience.Since(begin)
	if err != nil && ctx.Err() == nil {
		return nil, a.patience.Over(busy)
	}
	return leave, err
}

// renewing renews the lease of an attempt until stop is called; stop waits for a running renewal. A tool that ends
// within a third of the lease costs nothing.
func (a *attempt) renewing(d ledger.Decision) (stop func()) {
	r, ok := a.gate.Ledger.(Renewer)
	if !ok {
		return func() {}
	}
	ctx, cancel := context.WithCancel(context.Background())
	end := patience.Every(a.gate.lease()/3, func() bool {
		ok, err := r.Renew(ctx, d, ledger.Policy{Lease: a.gate.lease()})
		return ctx.Err() == nil && (ok || err != nil) // a failed renewal may succeed next time; until then the lease is valid
	})
	return func() { cancel(); end() }
}

// lease is how long an attempt counts as alive without a sign of life.
func (g *Gate) lease() time.Duration {
	if g.Lease > 0 {
		return g.Lease
	}
	return DefaultLease
}
