package ledger

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/mythos-project/mythos/object"
)

// receiptIndex checks that the index holds no receipts but those of the log.
func (v *verifier) receiptIndex(ctx context.Context) error {
	var indexed uint64
	err := v.l.kv.Scan(ctx, receiptKeys, afterKeys(receiptKeys), func(_ string, value []byte) error {
		p, err := placeOf(value)
		if p.seq < v.size {
			indexed++
		}
		return err
	})
	if err == nil && indexed != v.receipts.Load() {
		err = fmt.Errorf("%w: the log has %d receipts, the index %d", ErrEntry, v.receipts.Load(), indexed)
	}
	return err
}

// indexed is one effect with the index of its history.
type indexed struct {
	idem  object.Hash
	index []byte
}

// histories audits each effect's history and checks that together they hold every
// entry of the log that belongs to an effect.
func (v *verifier) histories(ctx context.Context) error {
	now := v.l.now()
	var batch []indexed
	flush := func() error {
		err := parallel(ctx, len(batch), func(ctx context.Context, i int) error { return v.effect(ctx, batch[i], now) })
		batch = batch[:0]
		return err
	}
	err := v.l.effects(ctx, func(idem object.Hash, index []byte) error {
		if batch = append(batch, indexed{idem, bytes.Clone(index)}); len(batch) < verifyPage {
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

func (v *verifier) effect(ctx context.Context, x indexed, now object.Time) error {
	history, err := v.l.history(ctx, x.idem, x.index)
	if err != nil {
		return err
	}
	for len(history) > 0 && history[len(history)-1].Seq >= v.size { // appended since
		history = history[:len(history)-1]
	}
	if len(history) == 0 {
		return nil
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
