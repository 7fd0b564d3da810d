package ledger

import (
	"context"
	"errors"
	"fmt"

	"github.com/mythos-project/mythos/object"
)

// Entry returns the entry at seq, decoded; its signature is not checked.
func (l *Ledger) Entry(ctx context.Context, seq uint64) (Entry, error) {
	data, found, err := l.kv.Get(ctx, entryKey(seq))
	if err != nil {
		return Entry{}, err
	}
	if !found {
		return Entry{}, fmt.Errorf("entry %d: %w: missing", seq, ErrEntry)
	}
	return parseEntry(seq, data)
}

// Size is the number of entries of the log.
func (l *Ledger) Size(ctx context.Context) (uint64, error) { return logSize(ctx, l.kv) }

// Read returns the state of an effect with its whole history, every signature
// checked. An effect that was never registered has an empty history. A commit or
// mark by an agent that is not known here is Unverified: such a mark counts all the
// same, such a commit makes the state StatusUnverifiable. A resolution by somebody
// who is no operator is Unverified, too, and counts for nothing.
func (l *Ledger) Read(ctx context.Context, idem object.Hash) (State, error) {
	seqs, err := l.sequences(ctx, idem)
	if err != nil {
		return State{}, err
	}
	history, err := l.history(ctx, idem, seqs)
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
	return Fold(idem, history), nil
}

// sequences are the places in the log of an effect's entries. Asking for them one by
// one costs less than a scan, as most histories are short and most effects new. One
// more is asked for, so that a history with a gap is not taken for its beginning.
func (l *Ledger) sequences(ctx context.Context, idem object.Hash) ([]uint64, error) {
	var seqs []uint64
	for {
		seq, found, err := l.sequence(ctx, idem, len(seqs))
		if err != nil {
			return nil, err
		}
		if found {
			seqs = append(seqs, seq)
			continue
		}
		if _, beyond, err := l.sequence(ctx, idem, len(seqs)+1); err != nil || !beyond {
			return seqs, err
		}
		// Somebody may have appended both in the meantime.
		if _, found, err = l.sequence(ctx, idem, len(seqs)); err != nil {
			return nil, err
		}
		if !found {
			return nil, fmt.Errorf("history of effect %s: %w: number %d is missing", idem.Short(), ErrEntry, len(seqs))
		}
	}
}

// sequence is the place of entry number n of an effect.
func (l *Ledger) sequence(ctx context.Context, idem object.Hash, n int) (seq uint64, found bool, err error) {
	value, found, err := l.kv.Get(ctx, historyKey(idem, n))
	if err == nil && found {
		seq, err = parseSeq(value)
	}
	return seq, found, err
}

// history reads the entries of an effect; their signatures are not checked.
func (l *Ledger) history(ctx context.Context, idem object.Hash, seqs []uint64) ([]Entry, error) {
	history := make([]Entry, len(seqs))
	for i, seq := range seqs {
		e, err := l.Entry(ctx, seq)
		if err != nil {
			return nil, err
		}
		if got, ok := e.IdemID(); !ok || got != idem {
			return nil, fmt.Errorf("entry %d: %w: it is not of effect %s", seq, ErrEntry, idem.Short())
		}
		l.doubt(&e)
		history[i] = e
	}
	return history, nil
}

// doubt marks a resolution by somebody who is no operator.
func (l *Ledger) doubt(e *Entry) {
	if e.Resolution != nil && l.Operator != nil {
		e.Unverified = !l.Operator(e.Resolution.Signer)
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
	value, found, err := l.kv.Get(ctx, byReceipt+id.String())
	if err != nil {
		return 0, err
	}
	if !found {
		return 0, fmt.Errorf("receipt %s: %w", id, ErrNotFound)
	}
	return parseSeq(value)
}

// Receipt returns the canonical bytes of a receipt. The error wraps ErrNotFound.
func (l *Ledger) Receipt(ctx context.Context, id object.Hash) ([]byte, error) {
	seq, err := l.ReceiptSeq(ctx, id)
	if err != nil {
		return nil, err
	}
	return l.receiptAt(ctx, id, seq)
}

func (l *Ledger) receiptAt(ctx context.Context, id object.Hash, seq uint64) ([]byte, error) {
	e, err := l.Entry(ctx, seq)
	if err != nil {
		return nil, err
	}
	if got, err := ReceiptRule.ID(e.Raw); err != nil || got != id || e.Receipt == nil {
		return nil, fmt.Errorf("entry %d: %w: it is not receipt %s", seq, ErrEntry, id.Short())
	}
	return e.Raw, nil
}
