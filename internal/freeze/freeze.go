// Package freeze freezes and thaws as effects: the ledger records who did it, when and why.
package freeze

import (
	"context"
	"errors"

	"github.com/mythos-project/mythos/exec"
	"github.com/mythos-project/mythos/exec/hold"
	"github.com/mythos-project/mythos/internal/calls"
	"github.com/mythos-project/mythos/internal/identity"
)

const (
	effectFreeze = "freeze"
	effectThaw   = "thaw"
)

// Freezer freezes and thaws. All fields are set.
type Freezer struct {
	ID     *identity.Identity
	Gate   *exec.Gate
	Caller *calls.Caller
	Holds  *hold.Holds
}

// Register registers the effects freeze and thaw, which no hold can stop.
func (f *Freezer) Register() {
	for name, frozen := range map[string]bool{effectFreeze: true, effectThaw: false} {
		f.Gate.Builtin(name, exec.Builtin{
			Use: calls.ToolUse(name), RetrySafe: true, Writes: true, Always: true,
			Run: calls.Job(func(ctx context.Context, _ exec.Call, q *hold.Request) (exec.Response, error) {
				h, inForce, err := f.Holds.Make(ctx, f.ID.Key, *q, frozen)
				if errors.Is(err, hold.ErrConflict) || errors.Is(err, hold.ErrNotFrozen) {
					res := exec.Failed(err)
					res.Status = exec.StatusConflict
					return res, nil
				}
				res, err := calls.Outcome(h, err)
				if res.Riders = append(res.Riders, inForce); frozen {
					res.Then = f.Holds.Drain
				}
				return res, err
			}),
		})
	}
}

// tries is how often a freeze or thaw is repeated if others freeze and thaw at the same time.
const tries = 16

// Set freezes or thaws as the owner. After a freeze has returned, no call that it stops begins on this machine. Set
// sets q.After.
func (f *Freezer) Set(ctx context.Context, q hold.Request, frozen bool) (*hold.Hold, error) {
	if err := q.Check(); err != nil {
		return nil, err
	}
	name := effectThaw
	if frozen {
		name = effectFreeze
	}
	for try := 1; ; try++ {
		st, err := f.Holds.State(ctx)
		if err != nil {
			return nil, err
		}
		if !frozen && !st.Has(q) {
			return nil, hold.ErrNotFrozen
		}
		q.After = st.Newest
		called, err := f.Caller.AskAsOwner(ctx, name, &q)
		switch {
		case err == nil:
			return hold.Open(called.Body)
		case try == tries || !errors.Is(err, hold.ErrConflict) && (called == nil || !errors.Is(called.Cause, hold.ErrConflict)):
			return nil, err
		}
	}
}
