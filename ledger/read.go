package ledger

import (
	"context"
	"encoding/binary"
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
// checked. An effect that was never registered has an empty history. A divergence
// mark by an agent that is not known here counts all the same.
func (l *Ledger) Read(ctx context.Context, idem object.Hash) (State, error) {
	prefix := indexKeys + idem.String() + "/"
	var seqs []uint64
	err := l.kv.Scan(ctx, prefix, afterKeys(prefix), func(key string, value []byte) error {
		if len(value) != 8 || key != historyKey(idem, len(seqs)) {
			return fmt.Errorf("history of effect %s: %w: %s", idem.Short(), ErrEntry, key)
		}
		seqs = append(seqs, parseSeq(value))
		return nil
	})
	if err != nil {
		return State{}, err
	}
	history := make([]Entry, len(seqs))
	known := append([]object.AgentID{l.signer.Agent()}, l.Known...)
	for i, seq := range seqs {
		e, err := l.Entry(ctx, seq)
		if err != nil {
			return State{}, err
		}
		if got, ok := e.IdemID(); !ok || got != idem {
			return State{}, fmt.Errorf("entry %d: %w: it is not of effect %s", seq, ErrEntry, idem.Short())
		}
		known = append(known, signers(e)...)
		if err := e.Verify(known...); errors.Is(err, ErrUnverifiable) && e.Mark != nil {
			e.Unverified = true // a mark of unknown origin still stops the effect
		} else if err != nil {
			return State{}, err
		}
		history[i] = e
	}
	return Fold(idem, history), nil
}

// signers are the agents that an entry names in full.
func signers(e Entry) []object.AgentID {
	switch {
	case e.Register != nil:
		return []object.AgentID{e.Register.Owner}
	case e.Receipt != nil:
		return []object.AgentID{e.Receipt.Signer}
	}
	return nil
}

// ReceiptSeq is the place of a receipt in the log. The error wraps ErrNotFound.
func (l *Ledger) ReceiptSeq(ctx context.Context, id object.Hash) (uint64, error) {
	value, found, err := l.kv.Get(ctx, byReceipt+id.String())
	if err != nil {
		return 0, err
	}
	if !found || len(value) != 8 {
		return 0, fmt.Errorf("receipt %s: %w", id, ErrNotFound)
	}
	return binary.BigEndian.Uint64(value), nil
}

// Receipt returns the canonical bytes of a receipt. The error wraps ErrNotFound.
func (l *Ledger) Receipt(ctx context.Context, id object.Hash) ([]byte, error) {
	seq, err := l.ReceiptSeq(ctx, id)
	if err != nil {
		return nil, err
	}
	e, err := l.Entry(ctx, seq)
	if err != nil {
		return nil, err
	}
	if got, err := ReceiptRule.ID(e.Raw); err != nil || got != id || e.Receipt == nil {
		return nil, fmt.Errorf("entry %d: %w: it is not receipt %s", seq, ErrEntry, id.Short())
	}
	return e.Raw, nil
}

// Filter selects entries of the log; zero fields select everything.
type Filter struct {
	Kind  byte
	Tool  object.Hash
	Agent *object.AgentID // of receipts and registers
	Since object.Time
	Until object.Time // exclusive
	From  uint64      // first seq
}

func (f Filter) selects(e Entry) bool {
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
	for _, a := range signers(e) {
		if a.Same(*f.Agent) {
			return true
		}
	}
	return false
}

// Log calls fn for the selected entries in the order in which they were written.
// It costs a read of the log from f.From on.
func (l *Ledger) Log(ctx context.Context, f Filter, fn func(Entry) error) error {
	return l.kv.Scan(ctx, entryKey(f.From), afterKeys(entryKeys), func(key string, data []byte) error {
		var seq uint64
		if _, err := fmt.Sscanf(key[len(entryKeys):], "%x", &seq); err != nil {
			return fmt.Errorf("%s: %w", key, ErrEntry)
		}
		e, err := parseEntry(seq, append([]byte(nil), data...))
		if err != nil || !f.selects(e) {
			return err
		}
		return fn(e)
	})
}

// Effects calls fn with the state of every effect that has a history, ascending by id.
func (l *Ledger) Effects(ctx context.Context, fn func(State) error) error {
	var last object.Hash
	return l.kv.Scan(ctx, indexKeys, afterKeys(indexKeys), func(key string, _ []byte) error {
		if len(key) < len(indexKeys)+64 {
			return fmt.Errorf("%s: %w", key, ErrEntry)
		}
		idem, err := object.ParseHash(key[len(indexKeys) : len(indexKeys)+64])
		if err != nil || idem == last {
			return err
		}
		last = idem
		s, err := l.Read(ctx, idem)
		if err != nil {
			return err
		}
		return fn(s)
	})
}
