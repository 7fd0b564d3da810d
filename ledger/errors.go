package ledger

import (
	"errors"
	"fmt"

	"github.com/mythos-project/mythos/ledger/mlog"
	"github.com/mythos-project/mythos/object"
)

// Reasons why an effect may not run. Callers distinguish them with errors.Is.
var (
	ErrBusy                = errors.New("lease is held")
	ErrInside              = errors.New("its own attempt asks for it: waiting for that would never end")
	ErrIdempotencyConflict = errors.New("key was used with another request (IdempotencyConflict)")
	ErrNonDeterministic    = errors.New("same request gave another response (NonDeterministicEffect)")
	ErrDivergent           = errors.New("history is divergent")
	ErrUnknownOutcome      = errors.New("the effect may or may not have happened")
	ErrStopped             = errors.New("was stopped before it answered")
	ErrAbandoned           = errors.New("was abandoned by an operator's decision")
	ErrNotRegistered       = errors.New("was not registered")
)

// Other errors.
var (
	ErrNotFound      = errors.New("not in the ledger")
	ErrEntry         = mlog.ErrEntry
	ErrUnverifiable  = errors.New("entry names no key that is known here")
	ErrNotResolvable = errors.New("there is nothing to resolve that way")
	ErrNotOperator   = errors.New("is not an operator of this ledger")
	ErrAttempt       = errors.New("is not the latest attempt")
	ErrTooLarge      = errors.New("receipt is larger than a ledger entry may be")
)

// BusyError says who is running an effect, and since when.
type BusyError struct {
	IdemID object.Hash
	Owner  object.AgentID
	Since  object.Time // of the register; 0: the attempt is not registered yet
	Until  object.Time // when the lease ends if nobody renews it
	Fence  uint64      // of the attempt; 0: it is not registered yet
}

func (e *BusyError) Error() string {
	if e.Fence == 0 {
		return fmt.Sprintf("effect %s: %v by another process, which is about to begin", e.IdemID.Short(), ErrBusy)
	}
	return fmt.Sprintf("effect %s: %v by %s, attempt %d, since %s", e.IdemID.Short(), ErrBusy, e.Owner, e.Fence, e.Since)
}

// Unwrap gives ErrBusy.
func (e *BusyError) Unwrap() error { return ErrBusy }

// How an attempt ended whose outcome nobody knows.
const (
	LeaseRanOut  = iota // it gave no sign of life until its lease ended
	ProcessEnded        // its process has ended
	WasStopped          // it was stopped before it answered
)

// UnknownOutcomeError says whose attempt ended without an outcome. With Probe, the tool's policy is to ask the outside
// system: the caller runs the probe tool, and then either commits a receipt of the finding, or resolves the effect with
// ResolveRetry and the probe's receipt as evidence (spec/ledger.md#register).
type UnknownOutcomeError struct {
	IdemID object.Hash
	Owner  object.AgentID
	Until  object.Time // when the lease ends, or ended
	Fence  uint64      // of the attempt
	Probe  bool
	How    int // LeaseRanOut, ProcessEnded or WasStopped
}

func (e *UnknownOutcomeError) Error() string {
	how := [...]string{LeaseRanOut: "was not heard of until its lease ended at " + e.Until.String(),
		ProcessEnded: "ended without an outcome", WasStopped: "was stopped before it answered"}[e.How]
	return fmt.Sprintf("effect %s, attempt %d by %s %s: %v", e.IdemID.Short(), e.Fence, e.Owner, how, ErrUnknownOutcome)
}

// Unwrap gives ErrUnknownOutcome and, if the attempt was stopped, ErrStopped.
func (e *UnknownOutcomeError) Unwrap() []error {
	if e.How == WasStopped {
		return []error{ErrUnknownOutcome, ErrStopped}
	}
	return []error{ErrUnknownOutcome}
}

// ConflictError names the contradicting hashes.
type ConflictError struct {
	IdemID   object.Hash
	Reason   uint8 // of the DivergenceMark
	Evidence []object.Hash
}

func (e *ConflictError) Error() string {
	return fmt.Sprintf("effect %s: %v: %v", e.IdemID.Short(), e.Unwrap(), e.Evidence)
}

// Unwrap gives ErrIdempotencyConflict, ErrNonDeterministic or ErrDivergent.
func (e *ConflictError) Unwrap() error {
	switch e.Reason {
	case RequestHashConflict:
		return ErrIdempotencyConflict
	case ResponseHashConflict:
		return ErrNonDeterministic
	}
	return ErrDivergent
}

// AttemptError refuses a decision about an attempt that is no longer the latest.
type AttemptError struct {
	IdemID object.Hash
	About  uint64 // the attempt that the decision is about
	Latest uint64 // 0: there is none
}

func (e *AttemptError) Error() string {
	return fmt.Sprintf("effect %s: attempt %d %v, that is %d", e.IdemID.Short(), e.About, ErrAttempt, e.Latest)
}

// Unwrap gives ErrAttempt.
func (e *AttemptError) Unwrap() error { return ErrAttempt }
