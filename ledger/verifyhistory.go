package ledger

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/mythos-project/mythos/object"
)

// receiptIndex checks that the index holds no receipts but those of the log.
func (v *verifier) receiptIndex(ctx context.Context) error {
	var indexed uint64
	err := v.l.kv.Scan(ctx, byReceipt, afterKeys(byReceipt), func(_ string, value []byte) error {
		seq, err := parseSeq(value)
		if seq < v.size {
			indexed++
		}
		return err
	})
	if err == nil && indexed != v.receipts.Load() {
		err = fmt.Errorf("%w: the log has %d receipts, the index %d", ErrEntry, v.receipts.Load(), indexed)
	}
	return err
}

// effectSlots is one effect with the places of its entries.
type effectSlots struct {
	idem object.Hash
	seqs []uint64
}

// histories audits each effect's history and checks that together they hold every
// entry of the log that belongs to an effect.
func (v *verifier) histories(ctx context.Context) error {
	now := v.l.now()
	var batch []effectSlots
	flush := func() error {
		err := parallel(ctx, len(batch), func(ctx context.Context, i int) error { return v.effect(ctx, batch[i], now) })
		batch = batch[:0]
		return err
	}
	err := v.l.effects(ctx, func(idem object.Hash, seqs []uint64) error {
		for len(seqs) > 0 && seqs[len(seqs)-1] >= v.size { // appended since
			seqs = seqs[:len(seqs)-1]
		}
		if len(seqs) == 0 {
			return nil
		}
		if batch = append(batch, effectSlots{idem, seqs}); len(batch) < verifyPage {
			return nil
		}
		return flush()
	})
	if err == nil {
		err = flush()
	}
	if err == nil && v.held.Load() != v.keyed.Load() {
		err = fmt.Errorf("%w: the log has %d entries of effects with keys, the histories hold %d", ErrEntry, v.keyed.Load(), v.held.Load())
	}
	return err
}

func (v *verifier) effect(ctx context.Context, x effectSlots, now object.Time) error {
	history, err := v.l.history(ctx, x.idem, x.seqs)
	if err != nil {
		return err
	}
	if err := v.attribute(history); err != nil {
		return err
	}
	if err := Audit(x.idem, history); err != nil {
		return err
	}
	for _, e := range history {
		if e.Receipt == nil {
			v.held.Add(1)
		}
	}
	v.effects.Add(1)
	switch Fold(x.idem, history).At(now) {
	case StatusDivergent:
		v.divergent.Add(1)
	case StatusPending, StatusUnknown:
		v.pending.Add(1)
	default:
	}
	return nil
}

// attribute finds the signers of commits and marks among the agents of their
// effect, and verifies those whose signatures were not verified by key id.
func (v *verifier) attribute(history []Entry) error {
	known := append([]object.AgentID{v.l.self.agent}, v.l.Known...)
	for i := range history {
		e := &history[i]
		known = append(known, signers(*e)...)
		_, sig, signer := e.signature()
		if signer != nil {
			continue
		}
		if sig.KeyID != nil {
			_, verified := v.keys.agent(*sig.KeyID)
			named := slices.ContainsFunc(known, func(a object.AgentID) bool { return v.keys.id(a) == *sig.KeyID })
			if verified && (named || e.Mark != nil) {
				continue
			}
		}
		err := e.verify(v.keys, known)
		if errors.Is(err, ErrUnverifiable) {
			e.Unverified = true
			v.unverifiable.Add(1)
		} else if err != nil {
			return err
		}
	}
	return nil
}
