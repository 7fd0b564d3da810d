package exec

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/mythos-project/mythos/caps"
	"github.com/mythos-project/mythos/exec/patience"
	"github.com/mythos-project/mythos/ledger"
	"github.com/mythos-project/mythos/object"
)

// Holds knows what is frozen (spec/effects.md#freeze). A refusal is a *caps.DeniedError with CheckFrozen.
type Holds interface {
	// Admit returns the chains that no hold blocks.
	Admit(ctx context.Context, tool object.Hash, chains []caps.Chain) ([]caps.Chain, error)
	// Begin is called just before the tool starts. Whoever freezes something waits until begun is called.
	Begin(ctx context.Context, tool object.Hash, chain caps.Chain) (begun func(), err error)
	// Cancelled returns why to stop a running call; nil: let it run.
	Cancelled(ctx context.Context, tool object.Hash, chain caps.Chain) error
}

// statusOf is the status of a refusal.
func statusOf(err error) uint16 {
	var denied *caps.DeniedError
	switch {
	case errors.Is(err, caps.ErrQuota):
		return StatusQuota
	case errors.As(err, &denied) && denied.Check == caps.CheckFrozen:
		return StatusFrozen
	case errors.As(err, &denied) && !denied.Approval.IsZero():
		return StatusApproval
	}
	return StatusDenied
}

// unheld returns the chains that no hold blocks.
func (a *attempt) unheld(ctx context.Context, chains []caps.Chain) ([]caps.Chain, error) {
	if a.gate.Holds == nil || a.target.always {
		return chains, nil
	}
	return a.gate.Holds.Admit(ctx, a.effect.Tool, chains)
}

// begin asks once more, just before the tool starts. begun may be called more than once.
func (a *attempt) begin(ctx context.Context) (begun func(), err error) {
	if a.gate.Holds == nil || a.target.always {
		return func() {}, nil
	}
	begun, err = a.gate.Holds.Begin(ctx, a.effect.Tool, a.chain)
	if err != nil {
		return nil, err
	}
	return sync.OnceFunc(begun), nil
}

// withheld ends an attempt that was frozen after its register: it did not start, and is refused.
func (a *attempt) withheld(ctx context.Context, d *ledger.Decision, why error) (Outcome, error) {
	_, err := a.notStarted(context.WithoutCancel(ctx), d, why)
	var recorded *NotStartedError
	if errors.As(err, &recorded) && errors.Is(why, caps.ErrDenied) {
		err = a.gate.Refuse(ctx, a.effect, statusOf(why), why)
	}
	return Outcome{}, err
}

const obeyEvery = time.Second // how often to check whether a running tool's call was frozen

// obeying returns a context that a freeze cancels if it stops running calls. The cause is the reason.
func (a *attempt) obeying(ctx context.Context) (context.Context, func()) {
	if a.gate.Holds == nil || a.target.always {
		return ctx, func() {}
	}
	ctx, cancel := context.WithCancelCause(ctx)
	stop := patience.Every(obeyEvery, func() bool {
		why := a.gate.Holds.Cancelled(ctx, a.effect.Tool, a.chain)
		if errors.Is(why, caps.ErrDenied) {
			cancel(why)
			return false
		}
		return ctx.Err() == nil
	})
	return ctx, func() { cancel(nil); stop() }
}

// ErrCancelled is the cause of a cancelled context for a tool that reacts to cancellation (Policy.Cancellable).
var ErrCancelled = errors.New("its client cancelled it")

// cancelled returns the answer of a call that a freeze or its client stopped; false: neither did.
func cancelled(ctx context.Context) (Response, bool) {
	why := context.Cause(ctx)
	switch {
	case errors.Is(why, caps.ErrDenied):
		return Response{Status: StatusFrozen, Notes: "stopped while it ran: " + why.Error()}, true
	case errors.Is(why, ErrCancelled):
		return Response{Status: StatusCancelled, Notes: "stopped while it ran: " + why.Error()}, true
	}
	return Response{}, false
}
