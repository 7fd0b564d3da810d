package ledger

import (
	"errors"
	"fmt"

	"github.com/mythos-project/mythos/object"
)

// Why an effect may not run. Callers decide on them with errors.Is.
var (
	ErrBusy                = errors.New("lease is held")
	ErrIdempotencyConflict = errors.New("key was used with another request (IdempotencyConflict)")
	ErrNonDeterministic    = errors.New("same request gave another response (NonDeterministicEffect)")
	ErrDivergent           = errors.New("history is divergent")
	ErrUnknownOutcome      = errors.New("lease ran out without a commit: the effect may or may not have happened")
	ErrAbandoned           = errors.New("was abandoned by an operator's decision")
	ErrNotRegistered       = errors.New("was not registered")
)

// What else can be wrong.
var (
	ErrNotFound      = errors.New("not in the ledger")
	ErrEntry         = errors.New("invalid ledger entry")
	ErrUnverifiable  = errors.New("entry names no key that is known here")
	ErrNotResolvable = errors.New("there is nothing to resolve that way")
	ErrNotOperator   = errors.New("is not an operator of this ledger")
	ErrTooLarge      = errors.New("receipt is larger than a ledger entry may be")
)

// BusyError says who holds the lease and until when.
type BusyError struct {
	IdemID object.Hash
	Owner  object.AgentID
	Until  object.Time
}

func (e *BusyError) Error() string {
	return fmt.Sprintf("effect %s: %v by %s until %s", e.IdemID.Short(), ErrBusy, e.Owner, e.Until)
}

// Unwrap gives ErrBusy.
func (e *BusyError) Unwrap() error { return ErrBusy }

// UnknownOutcomeError says whose attempt ended without a commit. With Probe, the
// tool's policy is to ask the outside system: the caller runs the probe tool, and
// then either commits the receipt of what it found, or resolves the effect with
// ResolveRetry and the probe's receipt as evidence (spec/ledger.md#register).
type UnknownOutcomeError struct {
	IdemID object.Hash
	Owner  object.AgentID
	Until  object.Time // when the lease ended
	Fence  uint64      // of the attempt
	Probe  bool
}

func (e *UnknownOutcomeError) Error() string {
	return fmt.Sprintf("effect %s, attempt %d by %s until %s: %v", e.IdemID.Short(), e.Fence, e.Owner, e.Until, ErrUnknownOutcome)
}

// Unwrap gives ErrUnknownOutcome.
func (e *UnknownOutcomeError) Unwrap() error { return ErrUnknownOutcome }

// ConflictError says which hashes contradict one another.
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
