package exec

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/mythos-project/mythos/internal/jsontext"
	"github.com/mythos-project/mythos/ledger"
	"github.com/mythos-project/mythos/object"
)

// NotStartedError is an attempt that certainly did nothing. Its key is free, and nothing was charged.
type NotStartedError struct {
	Tool      string
	ReceiptID object.Hash // of the attempt
	Err       error       // a runner's: why
}

func (e *NotStartedError) Error() string {
	return fmt.Sprintf("tool %s: %v: %v", e.Tool, ErrNotStarted, e.Err)
}

// Unwrap gives ErrNotStarted and the reason.
func (e *NotStartedError) Unwrap() []error { return []error{ErrNotStarted, e.Err} }

// StoppedError is an attempt that was stopped because it took too long or was frozen. Nobody knows what it did.
type StoppedError struct {
	Tool      string
	IdemID    object.Hash
	After     time.Duration
	ReceiptID object.Hash // of the attempt
	Why       string      // why it was stopped; empty: it took too long
}

func (e *StoppedError) Error() string {
	if e.Why != "" {
		return fmt.Sprintf("tool %s: %s: %v", e.Tool, e.Why, ledger.ErrUnknownOutcome)
	}
	return fmt.Sprintf("tool %s: stopped after %s: %v", e.Tool, e.After, ledger.ErrUnknownOutcome)
}

// Unwrap gives ledger.ErrStopped and ledger.ErrUnknownOutcome.
func (e *StoppedError) Unwrap() []error { return []error{ledger.ErrStopped, ledger.ErrUnknownOutcome} }

// ErrLost means that a tool was asked and its answer was lost or invalid.
var ErrLost = errors.New("no answer came")

// LostError is an attempt whose outcome nobody knows. With a key, the next call gives the same error; a retry-safe tool
// is called again.
type LostError struct {
	Tool  string
	Keyed bool
	Safe  bool // the tool is retry-safe
	Err   error
}

func (e *LostError) Error() string {
	if e.Safe {
		return fmt.Sprintf("tool %s: %v", e.Tool, e.Err)
	}
	return fmt.Sprintf("tool %s: %v: %v", e.Tool, e.Err, ledger.ErrUnknownOutcome)
}

// Unwrap gives ErrLost and the reason, and ledger.ErrUnknownOutcome if the key waits for a decision.
func (e *LostError) Unwrap() []error {
	if e.Keyed && !e.Safe {
		return []error{ErrLost, ledger.ErrUnknownOutcome, e.Err}
	}
	return []error{ErrLost, e.Err}
}

// lost is the error of a runner that cannot tell what its tool did. The error of a built-in tool is passed on, because
// it describes the effects that the tool caused.
func (a *attempt) lost(caller context.Context, err error) error {
	if _, builtin := a.gate.builtins[a.effect.Tool]; builtin || caller.Err() != nil {
		return fmt.Errorf("tool %s: %w", a.target.name, err)
	}
	return &LostError{a.target.name, len(a.effect.Key) > 0, a.target.retrySafe, err}
}

// notStarted ends an attempt that certainly did nothing. One update frees its key and returns its charge.
func (a *attempt) notStarted(ctx context.Context, d *ledger.Decision, why error) (Outcome, error) {
	out, raw, riders, err := a.receipted(ctx, d, Response{Status: StatusNotStarted, Notes: "did not start: " + why.Error()})
	if err != nil {
		return Outcome{}, errors.Join(why, err)
	}
	if err := a.giveBack(ctx, d, raw, riders); err != nil {
		return Outcome{}, errors.Join(why, fmt.Errorf("record that it did not start: %w", err))
	}
	return Outcome{}, &NotStartedError{a.target.name, out.ReceiptID, why}
}

// giveBack records an attempt that did nothing and returns its charge; with a key, in one update.
func (a *attempt) giveBack(ctx context.Context, d *ledger.Decision, receipt []byte, riders []ledger.Rider) error {
	cost := a.use.Cost()
	if d == nil {
		return errors.Join(a.gate.Ledger.Record(ctx, receipt, riders...), a.gate.Quotas.Return(ctx, a.chain, cost))
	}
	if a.charged {
		keys, ride, err := a.gate.Quotas.Returning(a.chain, cost, &d.IdemID)
		if err != nil {
			return fmt.Errorf("give back %s: %w", a.chain[0].ID.Short(), err)
		}
		riders = append(append(riders, ledger.Rider{Size: chargeSize, Reads: keys, Ride: ride}), a.people.Back(a.chain)...)
	}
	err := a.gate.Ledger.Withdraw(ctx, *d, ledger.ResolveRelease, receipt, riders...)
	if errors.Is(err, ledger.ErrAttempt) || errors.Is(err, ledger.ErrNotResolvable) { // its lease had expired: somebody else has the key
		if err = nil; a.charged {
			err = a.gate.Quotas.Return(ctx, a.chain, cost)
		}
	}
	return err
}

// stopped ends an attempt whose tool took too long: its outcome is unknown.
func (a *attempt) stopped(ctx context.Context, d ledger.Decision, res Response) (Outcome, error) {
	out, raw, riders, err := a.receipted(ctx, &d, res)
	if err == nil {
		err = a.gate.Ledger.Withdraw(ctx, d, ledger.ResolveStop, raw, riders...)
		if errors.Is(err, ledger.ErrAttempt) || errors.Is(err, ledger.ErrNotResolvable) {
			err = nil
		}
	}
	stopped := &StoppedError{Tool: a.target.name, IdemID: d.IdemID, After: a.timeout(), ReceiptID: out.ReceiptID}
	if res.Status != StatusTimeout {
		stopped.Why = res.Notes
	}
	return Outcome{}, errors.Join(stopped, err)
}

// permanent reports whether a failed tool says that another try is useless: by an exit status that its policy names, or
// by "permanent": true in an answer that is a JSON object (spec/effects.md#failures).
func (t *target) permanent(res Response) bool {
	if res.Status != StatusFailed {
		return false
	}
	if res.Exit > 0 && slices.Contains(t.permanentExits, uint64(res.Exit)) {
		return true
	}
	answer, err := jsontext.FieldsOf(res.Body)
	return err == nil && string(answer.Get("permanent")) == "true"
}
