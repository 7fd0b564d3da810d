package ledger

import (
	"bytes"
	"context"
	"fmt"
	"reflect"
	"sync"
	"time"

	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/object/can"
)

// vital is a sign of life of an attempt: while it changes, somebody is at it.
type vital struct {
	fence   uint64
	renewed object.Time
}

// present finds out what is known of the latest attempt, when it has no outcome. It costs
// a look at a lock, and a read where that does not tell.
func (l *Ledger) present(ctx context.Context, s *State) (err error) {
	if !s.Open() {
		return nil
	}
	if l.Holders != nil {
		s.Presence, err = l.Holders.Look(s.IdemID)
		if s.Presence == Gone && !bytes.HasPrefix(s.Register.Instance, l.Home) {
			s.Presence = Unseen // a lock that is free here says nothing of an attempt elsewhere
		}
		if err != nil || s.Presence != Unseen {
			return err
		}
	}
	if s.Renewed, err = l.renewedUntil(ctx, *s); err != nil {
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.silent[s.IdemID] == (vital{s.Fence, s.Renewed}) {
		s.Presence = Gone
	}
	return nil
}

// Awaited is what an attempt left for those who waited for it: its committed outcome.
type Awaited struct {
	Decision Decision // Action is Replay
	Body     []byte   // the response; its hash is that of the receipt
}

// Outcome is how an effect ended, as somebody who has no history of it can check it: entries
// as they were appended, and the response.
type Outcome struct {
	Register []byte `can:"1,register"` // canonical EffectRegister
	Receipt  []byte `can:"2,receipt"`  // canonical Receipt
	Commit   []byte `can:"3,commit"`   // canonical EffectCommit
	Body     []byte `can:"4,body"`     // the response
}

// Outcome is how the effect ended with the commit that is replayed; nil: it has not ended.
func (s *State) Outcome(body []byte) *Outcome {
	if s.Commit == nil {
		return nil
	}
	o := &Outcome{Receipt: s.Receipt, Body: body}
	for i := range s.History {
		switch e := &s.History[i]; {
		case e.Register != nil && o.Commit == nil:
			o.Register = e.Raw
		case e.Commit == s.Commit:
			o.Commit = e.Raw
		}
	}
	return o
}

// watchPause is the longest pause between two looks at an attempt whose lock is not here.
const watchPause = time.Second

// Await waits until asking for an effect again, with the same request, can give another
// answer than ErrBusy: until nobody is at it any more. Where the attempt left its outcome,
// that is returned, verified; nil says nothing: ask again. Where no lock tells, it looks
// every second, and takes an attempt that gives no sign of life for the length of its
// lease for one that ended. Errors: ErrInside; ctx's, and those of reading.
func (l *Ledger) Await(ctx context.Context, idem, requestHash object.Hash) (*Awaited, error) {
	if l.Holders != nil {
		p, err := l.Holders.Look(idem)
		if err != nil {
			return nil, err
		}
		if in, able := l.Holders.(Insider); able && p == Held && in.Inside(idem) {
			return nil, fmt.Errorf("effect %s: %w", idem.Short(), ErrInside)
		}
		if p == Held {
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

// getReady does what is done once in a process before the wait instead of after it: many
// may wait, and all wake at once.
var getReady = sync.OnceFunc(func() {
	for _, t := range []reflect.Type{reflect.TypeFor[Outcome](), reflect.TypeFor[EffectRegister](), reflect.TypeFor[Receipt](), reflect.TypeFor[EffectCommit]()} {
		can.TypeOf(t)
	}
})

// watch waits until an attempt has an outcome, or gave no sign of life for a lease.
func (l *Ledger) watch(ctx context.Context, idem object.Hash) error {
	var seen vital
	since := time.Now() // of the process's own clock, which nobody sets
	for {
		s, err := l.Read(ctx, idem)
		if err != nil || !s.Open() || s.At(l.now()) != StatusPending || s.Presence == Held {
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

// leaveFor leaves the outcome of an attempt for those who wait for it. They find it in
// the ledger, too, only later.
func (l *Ledger) leaveFor(d Decision, s State, entries []Entry) {
	hold := l.holdOf(d)
	if hold == nil || !hold.Awaited() || d.Response == nil || s.Register == nil {
		return
	}
	for i := len(s.History) - 1; i >= 0; i-- {
		if s.History[i].Register == nil {
			continue
		}
		data, err := can.Marshal(&Outcome{s.History[i].Raw, entries[0].Raw, entries[1].Raw, d.Response})
		if err == nil {
			_ = hold.Leave(data)
		}
		return
	}
}

// openLeft verifies what an attempt left; nil: it left nothing that can be believed.
func (l *Ledger) openLeft(data []byte, idem, requestHash object.Hash) *Awaited {
	if len(data) == 0 {
		return nil
	}
	a, err := l.OpenOutcome(data, idem, requestHash)
	if err != nil {
		return nil
	}
	return a
}

// OpenOutcome verifies the canonical bytes of an Outcome: each entry by its signature, by an
// agent that they name, and that they are of this effect and request. That they are in a log
// is not looked at.
func (l *Ledger) OpenOutcome(data []byte, idem, requestHash object.Hash) (*Awaited, error) {
	in, err := object.Decode[Outcome](data)
	if err != nil {
		return nil, err
	}
	var entries [3]Entry
	known := append([]object.AgentID{l.self.agent}, l.Known...)
	for i, raw := range [][]byte{in.Register, in.Receipt, in.Commit} {
		if entries[i], err = ParseEntry([]byte{EntryRegister, EntryReceipt, EntryCommit}[i], raw); err != nil {
			return nil, err
		}
		known = append(known, signers(entries[i])...)
		if err = l.check(&entries[i], known); err != nil {
			return nil, err
		}
		if entries[i].Unverified {
			return nil, fmt.Errorf("%w: nobody known signed it", ErrUnverifiable)
		}
		if got, ok := entries[i].IdemID(); !ok || got != idem {
			return nil, fmt.Errorf("%w: it is of another effect", ErrEntry)
		}
	}
	s := Fold(idem, entries[:1])
	if err := auditCommit(s, entries[:], 2); err != nil {
		return nil, err
	}
	r, c := entries[1].Receipt, entries[2].Commit
	if c.RequestHash != requestHash || object.Sum(in.Body) != r.ResponseHash || !bytes.Equal(in.Receipt, entries[1].Raw) {
		return nil, fmt.Errorf("%w: it answers something else", ErrEntry)
	}
	reg := entries[0].Register
	return &Awaited{Body: in.Body, Decision: Decision{Action: Replay, IdemID: idem, Tool: reg.ToolID, Key: reg.IdempotencyKey,
		RequestHash: requestHash, Receipt: in.Receipt, Commit: c}}, nil
}
