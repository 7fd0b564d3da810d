package kvledger

import (
	"bytes"
	"context"
	"fmt"

	"github.com/mythos-project/mythos/ledger"
	"github.com/mythos-project/mythos/ledger/mlog"
	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/store/kv"
)

// Filter selects entries of the log; zero fields select everything.
type Filter struct {
	Kind  byte
	Tool  object.Hash
	State ledger.Status   // present state of the entry's effect; receipts without a key have none
	Agent *object.AgentID // the signer, if the entry names a signer or its key id
	Since object.Time
	Until object.Time // exclusive
	From  uint64      // first seq
	To    uint64      // end of the range of seq, exclusive; 0: the whole log
}

func (l *Ledger) selects(f Filter, e ledger.Entry) bool {
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
	_, sig, signer := e.Signature()
	if signer != nil {
		return signer.Same(*f.Agent)
	}
	return sig.KeyID != nil && *sig.KeyID == l.keys.ID(*f.Agent)
}

// selected is selects, and also checks the state of the entry's effect.
func (l *Ledger) selected(ctx context.Context, f Filter, e ledger.Entry) (bool, error) {
	if !l.selects(f, e) || f.State == ledger.StatusNone {
		return l.selects(f, e), nil
	}
	idem, ok := e.IdemID()
	if !ok {
		return false, nil
	}
	s, err := l.Read(ctx, idem)
	return err == nil && s.At(l.now()) == f.State, err
}

// Log calls fn for the selected entries in the order of writing. It does not check signatures. It costs a read of the
// log from f.From to f.To; with f.State also a read of the effect's history for each entry that the other fields
// select. f.Tool never selects a resolution, which names no tool.
func (l *Ledger) Log(ctx context.Context, f Filter, fn func(ledger.Entry) error) error {
	return l.log.Segments(ctx, f.From, f.To, func(s mlog.Segment) error {
		for i, data := range s.Leaves {
			seq := s.First + uint64(i)
			if seq < f.From || (f.To > 0 && seq >= f.To) {
				continue
			}
			e, err := ledger.ParseLeaf(seq, bytes.Clone(data))
			if err != nil {
				return err
			}
			if ok, err := l.selected(ctx, f, e); err != nil {
				return err
			} else if !ok {
				continue
			}
			if err := fn(e); err != nil {
				return err
			}
		}
		return nil
	})
}

// Receipts calls fn with the id and the canonical bytes of every receipt,
// ascending by id.
func (a *archive) Receipts(ctx context.Context, fn func(id object.Hash, raw []byte) error) error {
	return a.kv.Scan(ctx, receiptKeys, kv.End(receiptKeys), func(key string, value []byte) error {
		id, err := object.ParseHash(key[len(receiptKeys):])
		if err != nil {
			return fmt.Errorf("%w: key %q", ledger.ErrEntry, key)
		}
		p, err := placeOf(value)
		if err != nil {
			return err
		}
		raw, err := a.receiptAt(ctx, id, p)
		if err != nil {
			return err
		}
		return fn(id, raw)
	})
}

// Effects calls fn with the state of every effect that has a history, ascending by id.
func (l *Ledger) Effects(ctx context.Context, fn func(ledger.State) error) error {
	return l.effects(ctx, func(idem object.Hash, _ []byte) error {
		s, err := l.Read(ctx, idem)
		if err != nil {
			return err
		}
		return fn(s)
	})
}

// effects calls fn with the index of every history, ascending by effect. The index is valid until fn returns.
func (a *archive) effects(ctx context.Context, fn func(idem object.Hash, index []byte) error) error {
	return a.kv.Scan(ctx, historyKeys, kv.End(historyKeys), func(key string, value []byte) error {
		if err := ctx.Err(); err != nil {
			return err
		}
		idem, err := object.ParseHash(key[len(historyKeys):])
		if err != nil {
			return fmt.Errorf("%w: key %q", ledger.ErrEntry, key)
		}
		return fn(idem, value)
	})
}
