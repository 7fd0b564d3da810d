package model

import (
	"errors"
	"fmt"

	"github.com/mythos-project/mythos/ledger"
	"github.com/mythos-project/mythos/store"
)

var (
	// ErrRefused means that a promotion or rollback is not allowed; a *registry.RefusedError lists the conditions that
	// do not hold.
	ErrRefused = errors.New("refused")
	// ErrConflict means that somebody else moved the ring first, or changed the basis of the decision. Read the state
	// again and repeat the request.
	ErrConflict = errors.New("somebody else was first")
	// ErrFrozen means that the ring accepts no promotion. It wraps ErrRefused.
	ErrFrozen = fmt.Errorf("%w: the ring is frozen", ErrRefused)
	// ErrNoRollback means that there is nothing to roll back to. It wraps ErrRefused.
	ErrNoRollback = fmt.Errorf("%w: there is nothing to roll back to", ErrRefused)
	// ErrPolicy means that a policy cannot be put into force. It wraps ErrRefused.
	ErrPolicy = fmt.Errorf("%w: the policy cannot come into force", ErrRefused)
	// ErrNotFound means that the registry has no such ring, record or policy.
	ErrNotFound = errors.New("not in the model registry")
)

// NotHere reports whether an error means that something is not in this repository.
func NotHere(err error) bool {
	return errors.Is(err, store.ErrNotFound) || errors.Is(err, ledger.ErrNotFound) || errors.Is(err, ErrNotFound)
}
