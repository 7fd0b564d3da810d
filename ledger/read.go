package ledger

import (
	"context"
	"errors"
	"fmt"

	"github.com/mythos-project/mythos/object"
)

// Entry returns the entry at seq, decoded; its signature is not checked. It costs a read
// of the 256 entries that it is among.
func (l *Ledger) Entry(ctx context.Context, seq uint64) (Entry, error) {
	data, err := leafNumber(ctx, l.kv, seq)
	if err != nil {
		return Entry{}, err
	}
	return parseEntry(seq, data)
}

// entry returns the entry at a place.
func (r *leafReader) entry(ctx context.Context, p place) (Entry, error) {
	data, err := r.leaf(ctx, p)
	if err != nil {
		return Entry{}, err
	}
	return parseEntry(p.seq, data)
}

// Size is the number of entries of the log.
func (l *Ledger) Size(ctx context.Context) (uint64, error) { return logSize(ctx, l.kv) }

// Read returns the state of an effect with its whole history, every signature
// checked. An effect that was never registered has an empty history. A commit or
// mark by an agent that is not known here is Unverified: such a mark counts all the
// same, such a commit makes the state StatusUnverifiable. A resolution by somebody
// who is no operator is Unverified, too, and counts for nothing.
func (l *Ledger) Read(ctx context.Context, idem object.Hash) (State, error) {
	index, err := getOrNil(ctx, l.kv, historyKey(idem))
	if err != nil || index == nil {
		return State{IdemID: idem}, err
	}
	places, err := parsePlaces(index)
	if err != nil {
		return State{}, fmt.Errorf("history of effect %s: %w", idem.Short(), err)
	}
	history, err := l.history(ctx, idem, places, nil)
	if err != nil {
		return State{}, err
	}
	known := append([]object.AgentID{l.self.agent}, l.Known...)
	for i := range history {
		known = append(known, signers(history[i])...)
		if err := l.check(&history[i], known); err != nil {
			return State{}, err
		}
	}
	s := Fold(idem, history)
	s.places = index
	return s, l.present(ctx, &s)
}

// history reads the entries of an effect, those that known does not have; their
// signatures are not checked.
func (l *Ledger) history(ctx context.Context, idem object.Hash, places []place, known func(place) (Entry, bool)) ([]Entry, error) {
	r := leafReader{kv: l.kv}
	history := make([]Entry, len(places))
	for i, p := range places {
		var e Entry
		ok := false
		if known != nil {
			e, ok = known(p)
		}
		if !ok {
			var err error
			if e, err = r.entry(ctx, p); err != nil {
				return nil, err
			}
		}
		if got, ok := e.IdemID(); !ok || got != idem {
			return nil, fmt.Errorf("entry %d: %w: it is not of effect %s", p.seq, ErrEntry, idem.Short())
		}
		l.doubt(&e)
		history[i] = e
	}
	return history, nil
}

// doubt marks an operator's decision by somebody who is none.
func (l *Ledger) doubt(e *Entry) {
	if e.Resolution != nil && !e.Resolution.ByOwner() && l.Operator != nil {
		e.Unverified = !l.Operator(e.Resolution.Signer, Moment{e.Resolution.TimeObserved, e.Seq, true})
	}
}

// check verifies an entry's signature, once for each leaf while it is remembered.
func (l *Ledger) check(e *Entry, known []object.AgentID) error {
	digest := leafDigest(e.Kind, e.Raw)
	if l.memo.has(digest) {
		return nil
	}
	err := e.verify(l.keys, known)
	switch {
	case err == nil:
		l.memo.add(digest)
	case errors.Is(err, ErrUnverifiable):
		e.Unverified = true
		return nil
	}
	return err
}

// ReceiptSeq is the place of a receipt in the log. The error wraps ErrNotFound.
func (l *Ledger) ReceiptSeq(ctx context.Context, id object.Hash) (uint64, error) {
	p, err := l.receiptPlace(ctx, id)
	return p.seq, err
}

func (l *Ledger) receiptPlace(ctx context.Context, id object.Hash) (place, error) {
	value, found, err := l.kv.Get(ctx, receiptKey(id))
	if err != nil {
		return place{}, err
	}
	if !found {
		return place{}, fmt.Errorf("receipt %s: %w", id, ErrNotFound)
	}
	return placeOf(value)
}

// Receipt returns the canonical bytes of a receipt. The error wraps ErrNotFound.
func (l *Ledger) Receipt(ctx context.Context, id object.Hash) ([]byte, error) {
	p, err := l.receiptPlace(ctx, id)
	if err != nil {
		return nil, err
	}
	return l.receiptAt(ctx, id, p)
}

func (l *Ledger) receiptAt(ctx context.Context, id object.Hash, p place) ([]byte, error) {
	r := leafReader{kv: l.kv}
	e, err := r.entry(ctx, p)
	if err != nil {
		return nil, err
	}
	if got, err := ReceiptRule.ID(e.Raw); err != nil || got != id || e.Receipt == nil {
		return nil, fmt.Errorf("entry %d: %w: it is not receipt %s", p.seq, ErrEntry, id.Short())
	}
	return e.Raw, nil
}
