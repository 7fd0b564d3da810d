package kvledger

import (
	"bytes"
	"context"
	"fmt"
	"reflect"
	"sync"
	"time"

	"github.com/mythos-project/mythos/ledger"
	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/object/can"
)

// vital is a sign of life of an attempt: while it changes, somebody is running the attempt.
type vital struct {
	fence   uint64
	renewed object.Time
}

// present finds out what is known of the latest attempt if it has no outcome. It looks at a lock, and costs a read only
// if the lock does not decide.
func (l *Ledger) present(ctx context.Context, s *ledger.State) (err error) {
	if !s.Open() {
		return nil
	}
	if l.Holders != nil {
		s.Presence, err = l.Holders.Look(s.IdemID)
		if s.Presence == ledger.Gone && !bytes.HasPrefix(s.Register.Instance, l.Home) {
			s.Presence = ledger.Unseen // a free lock here says nothing about an attempt elsewhere
		}
		if err != nil || s.Presence != ledger.Unseen {
			return err
		}
	}
	if s.Renewed, err = l.renewedUntil(ctx, *s); err != nil {
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.silent[s.IdemID] == (vital{s.Fence, s.Renewed}) {
		s.Presence = ledger.Gone
	}
	return nil
}

// watchPause is the longest pause between two looks at an attempt whose lock is not here.
const watchPause = time.Second

// Await waits until asking for the effect again, with the same request, can give another answer than ErrBusy: until
// nobody is running it. If the attempt left its outcome, Await verifies and returns it; nil means: ask again. Where no
// lock can tell, Await polls every second, and considers an attempt over that gives no sign of life for the length of
// its lease. Errors: ErrInside, those of ctx, and those of reading.
func (l *Ledger) Await(ctx context.Context, idem, requestHash object.Hash) (*ledger.Awaited, error) {
	if l.Holders != nil {
		p, err := l.Holders.Look(idem)
		if err != nil {
			return nil, err
		}
		if in, able := l.Holders.(Insider); able && p == ledger.Held && in.Inside(idem) {
			return nil, fmt.Errorf("effect %s: %w", idem.Short(), ledger.ErrInside)
		}
		if p == ledger.Held {
			getReady()
			data, err := l.Holders.Await(ctx, idem)
			if err != nil {
				return nil, err
			}
			return l.openLeft(data, idem, requestHash), nil
		}
	}
	return nil, l.watch(ctx, idem)
}

// getReady does the one-time work of a process before the wait instead of after it: many may wait, and all wake at
// once.
var getReady = sync.OnceFunc(func() {
	for _, t := range []reflect.Type{reflect.TypeFor[ledger.Outcome](), reflect.TypeFor[ledger.EffectRegister](), reflect.TypeFor[ledger.Receipt](), reflect.TypeFor[ledger.EffectCommit]()} {
		can.TypeOf(t)
	}
})

// watch waits until an attempt has an outcome, or gave no sign of life for a lease.
func (l *Ledger) watch(ctx context.Context, idem object.Hash) error {
	var seen vital
	since := time.Now() // of the process's own clock, which nobody can set
	for {
		s, err := l.Read(ctx, idem)
		if err != nil || !s.Open() || s.At(l.now()) != ledger.StatusPending || s.Presence == ledger.Held {
			return err
		}
		lease := s.Register.LeaseExpiresAt.Std().Sub(s.Register.TimeObserved.Std())
		now := vital{s.Fence, s.Renewed}
		if now != seen {
			seen, since = now, time.Now()
		}
		rest := lease - time.Since(since)
		if rest <= 0 {
			l.mu.Lock()
			l.silent[idem] = now
			l.mu.Unlock()
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(min(rest, watchPause)):
		}
	}
}

// leaveFor hands the outcome of an attempt to those who wait for it. It only saves them time: the ledger will have the
// outcome, too.
func (l *Ledger) leaveFor(d ledger.Decision, s ledger.State, entries []ledger.Entry) {
	hold := l.holdOf(d)
	if hold == nil || !hold.Awaited() || d.Response == nil || s.Register == nil {
		return
	}
	for i := len(s.History) - 1; i >= 0; i-- {
		if s.History[i].Register == nil {
			continue
		}
		data, err := can.Marshal(&ledger.Outcome{Register: s.History[i].Raw, Receipt: entries[0].Raw, Commit: entries[1].Raw, Body: d.Response})
		if err == nil {
			_ = hold.Leave(data)
		}
		return
	}
}

// openLeft verifies what an attempt left; nil: it left nothing credible.
func (l *Ledger) openLeft(data []byte, idem, requestHash object.Hash) *ledger.Awaited {
	if len(data) == 0 {
		return nil
	}
	a, err := l.OpenOutcome(data, idem, requestHash)
	if err != nil {
		return nil
	}
	return a
}

// OpenOutcome verifies the canonical bytes of an Outcome; see [ledger.OpenOutcome].
func (l *Ledger) OpenOutcome(data []byte, idem, requestHash object.Hash) (*ledger.Awaited, error) {
	return ledger.OpenOutcome(data, idem, requestHash, append([]object.AgentID{l.self.Agent()}, l.Known...), l.check)
}
