package exec

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/mythos-project/mythos/caps"
	"github.com/mythos-project/mythos/exec/probed"
	"github.com/mythos-project/mythos/ledger"
	"github.com/mythos-project/mythos/object"
)

// ErrProbe means that a probe could not find out the outcome of an effect.
var ErrProbe = errors.New("the probe could not tell")

// Resolver is an optional ability of a Ledger: it lets an effect run again after a probe has found that it did not
// happen. Without it the outcome stays unknown.
type Resolver interface {
	Resolve(ctx context.Context, idem object.Hash, decision uint8, about uint64, evidence []object.Hash, notes string) error
}

// doubt is the attempt that a probe is asked about.
type doubt struct {
	idem  object.Hash
	key   []byte
	fence uint64
}

// ask runs the probe of a's tool for the attempt in doubt. The probe is an effect of its own, without a key, under the
// capabilities that were offered for the effect.
func (a *attempt) ask(ctx context.Context, in *ledger.UnknownOutcomeError) (probed.Answer, Outcome, error) {
	p := &attempt{
		gate: a.gate, requestHash: a.requestHash, about: &doubt{ledger.IdemID(a.effect.Tool, a.effect.Key), a.effect.Key, in.Fence},
		effect: Effect{Tool: *a.target.probe, Request: a.effect.Request, Caps: a.effect.Caps, Defaults: a.effect.Defaults},
	}
	status, err := p.admit(ctx)
	if err == nil {
		status, err = p.charge(ctx)
	}
	if err != nil {
		if status != 0 {
			err = a.gate.Refuse(ctx, p.effect, status, err)
		}
		return probed.Answer{}, Outcome{}, fmt.Errorf("%w: %w", ErrProbe, err)
	}
	out, err := p.invoke(ctx, nil)
	if err != nil {
		return probed.Answer{}, out, fmt.Errorf("%w: %w", ErrProbe, err)
	}
	if out.Status != StatusOK {
		return probed.Answer{}, out, fmt.Errorf("%w: status %d", ErrProbe, out.Status)
	}
	answer, err := probed.Parse(out.Body)
	if err != nil {
		err = fmt.Errorf("%w: %w", ErrProbe, err)
	}
	return answer, out, err
}

// settleDoubt resolves an unknown outcome by asking the probe. done means that the effect had happened and is settled.
// Otherwise, without an error, it may be registered again. The error wraps in if the outcome stays unknown.
func (a *attempt) settleDoubt(ctx context.Context, d ledger.Decision, in *ledger.UnknownOutcomeError) (out Outcome, done bool, err error) {
	answer, asked, err := a.ask(ctx, in)
	if err != nil {
		return Outcome{}, false, fmt.Errorf("%w: %w", in, err)
	}
	ctx = context.WithoutCancel(ctx)
	if !*answer.Happened {
		resolver, ok := a.gate.Ledger.(Resolver)
		if !ok {
			return Outcome{}, false, in
		}
		err := resolver.Resolve(ctx, d.IdemID, ledger.ResolveRetry, in.Fence, []object.Hash{asked.ReceiptID}, "the probe found that it did not happen")
		return Outcome{}, false, unlessMoved(err)
	}
	d.About = in.Fence
	out, err = a.settle(ctx, &d, Response{
		Body: answer.Body, Status: answer.Status, Evidence: []object.Hash{asked.ReceiptID},
		Notes: fmt.Sprintf("found by the probe, of attempt %d", in.Fence),
	})
	return out, err == nil, unlessMoved(err)
}

// unlessMoved returns err, or nil if somebody else has continued the effect while the probe ran. The probe's answer
// then is about an old attempt and does not count; ask the ledger again.
func unlessMoved(err error) error {
	if errors.Is(err, ledger.ErrNotResolvable) || errors.Is(err, ledger.ErrAttempt) {
		return nil
	}
	return err
}

// repeatable reports whether a tool that is not retry-safe may repeat this request, which is only then looked at.
func (a *attempt) repeatable(ctx context.Context) bool {
	return !a.target.retrySafe && a.target.repeatable != nil && a.target.repeatable(ctx, a.effect.Request)
}

// register asks the ledger, and the probe if the ledger does not know. done means that the probe has settled the effect
// with the outcome out.
func (a *attempt) register(ctx context.Context) (d ledger.Decision, out Outcome, done bool, err error) {
	policy := ledger.Policy{Retry: ledger.Block, Lease: a.leased(), Again: a.again || a.anew && a.patience.Spent == 0, KeepOut: a.target.keepOut}
	switch {
	case a.target.retrySafe:
		policy.Retry = ledger.Retry
	case a.target.probe != nil:
		policy.Retry = ledger.Probe
	}
	for range casTries { // repeated when the probe found that the effect did not happen, or the request is repeatable
		d, err = a.registering(ctx, policy)
		if err == nil {
			return d, Outcome{}, false, nil
		}
		a.charged, a.price = false, 0
		if err = a.people.Asked(ctx, err); err == nil {
			continue
		}
		if errors.Is(err, caps.ErrDenied) { // here or elsewhere
			return d, Outcome{}, false, a.gate.Refuse(ctx, a.effect, statusOf(err), err)
		}
		var unknown *ledger.UnknownOutcomeError
		if errors.As(err, &unknown) && !unknown.Probe && a.repeatable(ctx) {
			a.target.retrySafe, policy.Retry = true, ledger.Retry
			continue
		}
		if !errors.As(err, &unknown) || !unknown.Probe {
			return d, Outcome{}, false, err
		}
		a.paid = unknown.Owner.Same(a.gate.Signer.Agent())
		if out, done, err = a.settleDoubt(ctx, d, unknown); err != nil || done {
			return d, out, done, err
		}
	}
	return d, Outcome{}, false, ErrContended
}

// leased is how long the attempt holds its key without a sign of life. A lease that cannot be renewed is longer than
// the tool's timeout, so that nobody takes over from a live attempt.
func (a *attempt) leased() time.Duration {
	if _, renewed := a.gate.Ledger.(Renewer); renewed {
		return a.gate.lease()
	}
	return a.timeout() + a.gate.lease()
}

// Declare ends an attempt that was registered here and whose tool somebody else ran. res is the outcome that they
// declare, e the effect as it was registered, fence the number of the attempt, and charged the charged capability. The
// error wraps ledger.ErrAttempt if that attempt has an outcome or is not the latest.
func (g *Gate) Declare(ctx context.Context, e Effect, fence uint64, charged object.Hash, res Response) (Outcome, error) {
	a := &attempt{gate: g, effect: e, requestHash: object.Sum(e.Request), chain: caps.Chain{{ID: charged}}}
	var err error
	if a.target, err = g.resolve(ctx, e.Tool, g.Defaults.replace(e.Defaults)); err != nil {
		return Outcome{}, err
	}
	a.ofPeople()
	return a.settle(ctx, &ledger.Decision{IdemID: ledger.IdemID(e.Tool, e.Key), RequestHash: a.requestHash, About: fence}, a.bounded(res))
}
