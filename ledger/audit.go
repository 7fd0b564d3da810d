package ledger

import (
	"fmt"
	"slices"

	"github.com/mythos-project/mythos/object"
)

// Audit checks that the state machine allows a history, oldest entry first: it decides on each entry again at the
// entry's own time. It assumes two facts that the history does not hold: that the tool's policy allowed each takeover,
// and that nobody was running an attempt that a register names as ended or that a decision is about. It does not check
// signatures. It costs one fold of the history.
func Audit(idem object.Hash, history []Entry) error {
	s := State{IdemID: idem, History: make([]Entry, 0, len(history))}
	for i, e := range history {
		if err := auditEntry(s, history, i); err != nil {
			return fmt.Errorf("effect %s, entry %d: %w: %w", idem.Short(), e.Seq, ErrEntry, err)
		}
		s.Add(e)
	}
	return nil
}

func auditEntry(s State, history []Entry, i int) error {
	e := history[i]
	if got, ok := e.IdemID(); !ok || got != s.IdemID {
		return fmt.Errorf("it is of another effect")
	}
	if i > 0 && history[i-1].Seq >= e.Seq {
		return fmt.Errorf("it is out of order")
	}
	switch {
	case e.Register != nil:
		return auditRegister(s, e.Register)
	case e.Receipt != nil:
		return auditReceipt(history, i)
	case e.Commit != nil:
		return auditCommit(s, history, i)
	case e.Mark != nil:
		if s.Mark != nil {
			return fmt.Errorf("the history was marked already")
		}
	case e.Resolution != nil && !e.Unverified:
		if e.Resolution.About != nil {
			s.Presence = Gone
		}
		return decideResolution(s, *e.Resolution, e.Resolution.TimeObserved).Err
	}
	return nil
}

// auditReceipt checks that the receipt of an attempt comes before the entry that ends the attempt: its commit, or its
// owner's decision that it has no outcome.
func auditReceipt(history []Entry, i int) error {
	if i+1 < len(history) {
		if history[i+1].Commit != nil {
			return nil
		}
		r := history[i+1].Resolution
		if r != nil && r.ByOwner() && slices.Contains(r.Evidence, history[i].Receipt.ReceiptID) {
			return nil
		}
	}
	return fmt.Errorf("a receipt without its commit")
}

func auditRegister(s State, r *EffectRegister) error {
	if r.Ended != nil && (s.Register == nil || *r.Ended != s.Fence) {
		return fmt.Errorf("it says that attempt %d had ended, the one before it is %d", *r.Ended, s.Fence)
	}
	if r.Ended != nil {
		s.Presence = Gone
	}
	ev := Event{Attempt: &Attempt{Owner: r.Owner, Instance: r.Instance, RequestHash: r.RequestHash, Again: true}}
	v := Decide(s, ev, r.TimeObserved, Policy{Retry: Retry})
	switch {
	case v.Action == Replay:
		return fmt.Errorf("a register after the commit")
	case v.Action != Invoke:
		return v.Err
	case r.Fence != nil && *r.Fence != s.Fence+1:
		return fmt.Errorf("its fence is %d, expected %d", *r.Fence, s.Fence+1)
	case r.LeaseExpiresAt <= r.TimeObserved:
		return fmt.Errorf("its lease is over when it begins")
	}
	return nil
}

// auditCommit checks a commit against its receipt, which comes before it, and against the mark that it requires, which
// comes after it.
func auditCommit(s State, history []Entry, i int) error {
	c := history[i].Commit
	if i == 0 || history[i-1].Receipt == nil {
		return fmt.Errorf("a commit without its receipt")
	}
	r := history[i-1].Receipt
	if r.ReceiptID != c.ReceiptID || r.ToolID != c.ToolID || r.RequestHash != c.RequestHash ||
		r.ResponseHash != c.ResponseHash || r.Status != c.Status {
		return fmt.Errorf("the commit differs from its receipt %s", r.ReceiptID.Short())
	}
	v := decideCommit(s, *c)
	if !v.Append {
		return fmt.Errorf("the commit should not be there: %w", v.Err)
	}
	if v.Reason == 0 {
		return nil
	}
	if i+1 == len(history) || history[i+1].Mark == nil {
		return fmt.Errorf("the conflict was not marked: %w", v.Err)
	}
	if m := history[i+1].Mark; m.Reason != v.Reason || !slices.Equal(m.Evidence, v.Evidence) {
		return fmt.Errorf("the mark after it gives reason %d, expected %d", m.Reason, v.Reason)
	}
	return nil
}
