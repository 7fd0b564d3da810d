package ledger

import (
	"bytes"
	"context"
	"fmt"

	"github.com/mythos-project/mythos/object"
)

// Filter selects entries of the log; zero fields select everything.
type Filter struct {
	Kind  byte
	Tool  object.Hash
	State Status          // of the entry's effect, now; receipts without a key have none
	Agent *object.AgentID // who signed, as far as the entry names a signer or its key id
	Since object.Time
	Until object.Time // exclusive
	From  uint64      // first seq
}

func (l *Ledger) selects(f Filter, e Entry) bool {
	switch {
	case f.Kind != 0 && e.Kind != f.Kind,
		!f.Tool.IsZero() && e.Tool() != f.Tool,
		f.Since != 0 && e.Time() < f.Since,
		f.Until != 0 && e.Time() >= f.Until:
		return false
	}
	if f.Agent == nil {
		return true
	}
	_, sig, signer := e.signature()
	if signer != nil {
		return signer.Same(*f.Agent)
	}
	return sig.KeyID != nil && *sig.KeyID == l.keys.id(*f.Agent)
}

// Log calls fn for the selected entries in the order in which they were written;
// their signatures are not checked. It costs a read of the log from f.From on, and
// with f.State a read of the effect's history for each entry that is otherwise
// selected. A resolution, which names no tool, is selected by f.Tool never.
func (l *Ledger) Log(ctx context.Context, f Filter, fn func(Entry) error) error {
	return l.kv.Scan(ctx, entryKey(f.From), afterKeys(entryKeys), func(key string, data []byte) error {
		if err := ctx.Err(); err != nil {
			return err
		}
		seq, err := seqOfKey(key)
		if err != nil {
			return err
		}
		e, err := parseEntry(seq, bytes.Clone(data))
		if err != nil || !l.selects(f, e) {
			return err
		}
		if f.State != StatusNone {
			idem, ok := e.IdemID()
			if !ok {
				return nil
			}
			s, err := l.Read(ctx, idem)
			if err != nil || s.At(l.now()) != f.State {
				return err
			}
		}
		return fn(e)
	})
}

// Receipts calls fn with the id and the canonical bytes of every receipt,
// ascending by id.
func (l *Ledger) Receipts(ctx context.Context, fn func(id object.Hash, raw []byte) error) error {
	return l.kv.Scan(ctx, byReceipt, afterKeys(byReceipt), func(key string, value []byte) error {
		id, err := object.ParseHash(key[len(byReceipt):])
		if err != nil {
			return fmt.Errorf("%w: key %q", ErrEntry, key)
		}
		seq, err := parseSeq(value)
		if err != nil {
			return err
		}
		raw, err := l.receiptAt(ctx, id, seq)
		if err != nil {
			return err
		}
		return fn(id, raw)
	})
}

// Effects calls fn with the state of every effect that has a history, ascending by id.
func (l *Ledger) Effects(ctx context.Context, fn func(State) error) error {
	return l.effects(ctx, func(idem object.Hash, _ []uint64) error {
		s, err := l.Read(ctx, idem)
		if err != nil {
			return err
		}
		return fn(s)
	})
}

// effects calls fn with the seqs of every history, ascending by effect.
func (l *Ledger) effects(ctx context.Context, fn func(idem object.Hash, seqs []uint64) error) error {
	var last object.Hash
	var seqs []uint64
	flush := func() error {
		if len(seqs) == 0 {
			return nil
		}
		return fn(last, seqs)
	}
	err := l.kv.Scan(ctx, indexKeys, afterKeys(indexKeys), func(key string, value []byte) error {
		if err := ctx.Err(); err != nil {
			return err
		}
		if len(key) < len(indexKeys)+64 {
			return fmt.Errorf("%w: key %q", ErrEntry, key)
		}
		idem, err := object.ParseHash(key[len(indexKeys) : len(indexKeys)+64])
		if err != nil {
			return fmt.Errorf("%w: key %q", ErrEntry, key)
		}
		if idem != last {
			if err := flush(); err != nil {
				return err
			}
			last, seqs = idem, nil
		}
		if key != historyKey(idem, len(seqs)) {
			return fmt.Errorf("history of effect %s: %w: slot %d is missing", idem.Short(), ErrEntry, len(seqs))
		}
		seq, err := parseSeq(value)
		seqs = append(seqs, seq)
		return err
	})
	if err != nil {
		return err
	}
	return flush()
}
