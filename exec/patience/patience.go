// Package patience limits how long an attempt waits for others, in all.
package patience

import (
	"context"
	"fmt"
	"time"

	"github.com/mythos-project/mythos/ledger"
)

// Special values of a wait.
const (
	None    time.Duration = -1
	Forever time.Duration = 1<<63 - 1
)

// Patience belongs to one attempt. The zero Patience does not wait.
type Patience struct {
	Spent time.Duration // so far
	most  time.Duration
	told  map[uint64]bool // attempts, by fence, that were reported
}

// Of returns a Patience of this length; 0: none.
func Of(most time.Duration) Patience { return Patience{most: most} }

// Limit returns a context for one more wait; false: no time left.
func (p *Patience) Limit(ctx context.Context) (context.Context, context.CancelFunc, bool) {
	switch {
	case p.most == Forever:
		ctx, cancel := context.WithCancel(ctx)
		return ctx, cancel, true
	case p.Spent >= p.most:
		return ctx, func() {}, false
	}
	ctx, cancel := context.WithTimeout(ctx, p.most-p.Spent)
	return ctx, cancel, true
}

// Since adds the time since begin to the time spent.
func (p *Patience) Since(begin time.Time) { p.Spent += max(time.Since(begin), 1) }

// Tell reports whether an attempt was not reported before.
func (p *Patience) Tell(fence uint64) bool {
	if p.told[fence] {
		return false
	}
	if p.told == nil {
		p.told = map[uint64]bool{}
	}
	p.told[fence] = true
	return true
}

// Over returns busy with the time waited for it.
func (p *Patience) Over(busy *ledger.BusyError) error {
	if p.Spent == 0 {
		return busy
	}
	return fmt.Errorf("waited %s: %w", p.Spent.Round(time.Millisecond), busy)
}
