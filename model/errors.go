package model

import (
	"errors"
	"fmt"
	"strings"

	"github.com/mythos-project/mythos/ledger"
	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/store"
)

var (
	// ErrRefused means that a promotion or rollback is not allowed; a *RefusedError
	// says which conditions do not hold.
	ErrRefused = errors.New("refused")
	// ErrConflict means that somebody else moved the ring, or changed what the
	// decision was made on, first. Look again and ask again.
	ErrConflict = errors.New("somebody else was first")
	// ErrFrozen means that the ring takes no promotion. It wraps ErrRefused.
	ErrFrozen = fmt.Errorf("%w: the ring is frozen", ErrRefused)
	// ErrNoRollback means that there is nothing to roll back to. It wraps ErrRefused.
	ErrNoRollback = fmt.Errorf("%w: there is nothing to roll back to", ErrRefused)
	// ErrPolicy means that a policy cannot come into force. It wraps ErrRefused.
	ErrPolicy = fmt.Errorf("%w: the policy cannot come into force", ErrRefused)
	// ErrNotFound means that the registry has no such ring, record or policy.
	ErrNotFound = errors.New("not in the model registry")
)

// RefusedError is a promotion whose conditions do not all hold.
type RefusedError struct {
	Model      object.Hash
	Ring       uint8
	Conditions []Condition // all six
}

func (e *RefusedError) Error() string {
	var failed []string
	for i, c := range e.Conditions {
		if !c.Holds {
			failed = append(failed, fmt.Sprintf("%d %s: %s", i+1, c.Name, c.Why))
		}
	}
	return fmt.Sprintf("model %s is refused for ring %d: %s", e.Model.Short(), e.Ring, strings.Join(failed, "; "))
}

// Unwrap gives ErrRefused.
func (e *RefusedError) Unwrap() error { return ErrRefused }

// ConflictError says what the ring was expected to have, and what it has.
type ConflictError struct {
	Ring       uint8
	Want, Have *object.Hash // newest record; nil: the ring is empty
	What       string       // when not the ring itself changed: what did
}

func (e *ConflictError) Error() string {
	if e.What != "" {
		return fmt.Sprintf("ring %d: %v: %s has changed meanwhile", e.Ring, ErrConflict, e.What)
	}
	return fmt.Sprintf("ring %d: %v: the newest record is %s, expected was %s", e.Ring, ErrConflict, shortOr(e.Have, "none"), shortOr(e.Want, "none"))
}

// Unwrap gives ErrConflict.
func (e *ConflictError) Unwrap() error { return ErrConflict }

// FrozenError says who froze a ring, and why.
type FrozenError struct{ Hold RingHold }

func (e *FrozenError) Error() string {
	return fmt.Sprintf("ring %d was frozen by %s at %s: %s", e.Hold.RingID, e.Hold.Signer, e.Hold.TimeObserved, e.Hold.Reason)
}

// Unwrap gives ErrFrozen.
func (e *FrozenError) Unwrap() error { return ErrFrozen }

func shortOr(h *object.Hash, otherwise string) string {
	if h == nil {
		return otherwise
	}
	return h.Short()
}

// NotHere reports whether an error means that something is not in this repository.
func NotHere(err error) bool {
	return errors.Is(err, store.ErrNotFound) || errors.Is(err, ledger.ErrNotFound) || errors.Is(err, ErrNotFound)
}
