package registry

import (
	"fmt"
	"strings"

	"github.com/mythos-project/mythos/model"
	"github.com/mythos-project/mythos/model/judge"
	"github.com/mythos-project/mythos/object"
)

// RefusedError is a promotion whose conditions do not all hold.
type RefusedError struct {
	Model      object.Hash
	Ring       uint8
	Conditions []judge.Condition // all six
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
func (e *RefusedError) Unwrap() error { return model.ErrRefused }

// ConflictError says which record the ring was expected to have, and which it has.
type ConflictError struct {
	Ring       uint8
	Want, Have *object.Hash // newest record; nil: the ring is empty
	What       string       // what changed, if not the ring itself
}

func (e *ConflictError) Error() string {
	if e.What != "" {
		return fmt.Sprintf("ring %d: %v: %s has changed meanwhile", e.Ring, model.ErrConflict, e.What)
	}
	return fmt.Sprintf("ring %d: %v: the newest record is %s, expected was %s", e.Ring, model.ErrConflict, shortOr(e.Have, "none"), shortOr(e.Want, "none"))
}

// Unwrap gives ErrConflict.
func (e *ConflictError) Unwrap() error { return model.ErrConflict }

// FrozenError says who froze a ring, and why.
type FrozenError struct{ Hold model.RingHold }

func (e *FrozenError) Error() string {
	return fmt.Sprintf("ring %d was frozen by %s at %s: %s", e.Hold.RingID, e.Hold.Signer, e.Hold.TimeObserved, e.Hold.Reason)
}

// Unwrap gives ErrFrozen.
func (e *FrozenError) Unwrap() error { return model.ErrFrozen }

func shortOr(h *object.Hash, otherwise string) string {
	if h == nil {
		return otherwise
	}
	return h.Short()
}
