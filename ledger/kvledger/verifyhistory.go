package kvledger

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/mythos-project/mythos/internal/par"
	"github.com/mythos-project/mythos/ledger"
	"github.com/mythos-project/mythos/ledger/mlog"
	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/store/kv"
)

// receiptIndex checks that the index has no receipts besides those in the log.
func (v *verifier) receiptIndex(ctx context.Context) error {
	var indexed uint64
	err := v.l.kv.Scan(ctx, receiptKeys, kv.End(receiptKeys), func(_ string, value []byte) error {
		p, err := placeOf(value)
		if p.Seq < v.size {
			indexed++
		}
		return err
	})
	if err == nil && indexed != v.receipts.Load() {
		err = fmt.Errorf("%w: the log has %d receipts, the index %d", ledger.ErrEntry, v.receipts.Load(), indexed)
	}
	return err
}

// window holds the entries of the last two pages. Most effects end soon after they begin, so their audit needs no
// further reads.
type window struct{ old, young map[uint64]placed }

// placed is an entry and where it is.
type placed struct {
	ledger.Entry
	at mlog.Place
}

// slide adds a page.
func (w *window) slide(entries []ledger.Entry, places []mlog.Place) {
	w.old, w.young = w.young, make(map[uint64]placed, len(entries))
	for i, e := range entries {
		w.young[e.Seq] = placed{e, places[i]}
	}
}

func (w *window) entry(p mlog.Place) (ledger.Entry, bool) {
	e, ok := w.young[p.Seq]
	if !ok {
		e, ok = w.old[p.Seq]
	}
	return e.Entry, ok && e.at == p
}

// histories audits the effects whose last entry is in a page.
func (v *verifier) histories(ctx context.Context, page []ledger.Entry) error {
	last := map[object.Hash]uint64{}
	var effects []object.Hash
	for _, e := range page {
		idem, keyed := e.IdemID()
		if !keyed || e.Receipt != nil { // receipts of refused attempts are not part of the histories
			continue
		}
		if _, seen := last[idem]; !seen {
			effects = append(effects, idem)
		}
		last[idem] = e.Seq
	}
	return par.Each(ctx, len(effects), 0, func(ctx context.Context, i int) error {
		return v.effect(ctx, effects[i], last[effects[i]])
	})
}

// effect audits an effect if the entry at seq is its last one.
func (v *verifier) effect(ctx context.Context, idem object.Hash, seq uint64) error {
	index, err := kv.GetOrNil(ctx, v.l.kv, historyKey(idem))
	if err != nil {
		return err
	}
	places, err := mlog.ParsePlaces(index)
	if err != nil {
		return fmt.Errorf("history of effect %s: %w", idem.Short(), err)
	}
	for len(places) > 0 && places[len(places)-1].Seq >= v.size { // appended since
		places = places[:len(places)-1]
	}
	if len(places) == 0 || places[len(places)-1].Seq < seq {
		return fmt.Errorf("entry %d: %w: it is not in the history of effect %s", seq, ledger.ErrEntry, idem.Short())
	}
	if places[len(places)-1].Seq > seq {
		return nil // it continues in another page
	}
	history, err := v.l.history(ctx, idem, places, v.recent.entry)
	if err != nil {
		return err
	}
	if err := v.attribute(history); err != nil {
		return err
	}
	if err := ledger.Audit(idem, history); err != nil {
		return err
	}
	for _, e := range history {
		if e.Receipt == nil {
			v.held.Add(1)
		}
	}
	v.effects.Add(1)
	switch ledger.Fold(idem, history).At(v.now) {
	case ledger.StatusDivergent:
		v.divergent.Add(1)
	case ledger.StatusPending, ledger.StatusUnknown:
		v.pending.Add(1)
	default:
	}
	return nil
}

// historyIndex checks that the histories hold every entry of the log that belongs to an effect, and no others.
func (v *verifier) historyIndex(ctx context.Context) error {
	if v.held.Load() != v.keyed.Load() {
		return fmt.Errorf("%w: the log has %d entries of effects with keys, the histories hold %d", ledger.ErrEntry, v.keyed.Load(), v.held.Load())
	}
	var indexed uint64
	err := v.l.effects(ctx, func(idem object.Hash, index []byte) error {
		places, err := mlog.ParsePlaces(index)
		if err != nil {
			return fmt.Errorf("history of effect %s: %w", idem.Short(), err)
		}
		if places[0].Seq < v.size {
			indexed++
		}
		return nil
	})
	if err == nil && indexed != v.effects.Load() {
		err = fmt.Errorf("%w: the log has %d effects, the index %d", ledger.ErrEntry, v.effects.Load(), indexed)
	}
	return err
}

// attribute finds the signers of commits and marks among the agents of their effect. It verifies the signatures that
// were not verified by key id.
func (v *verifier) attribute(history []ledger.Entry) error {
	known := append([]object.AgentID{v.l.self.Agent()}, v.l.Known...)
	for i := range history {
		e := &history[i]
		known = append(known, e.Signers()...)
		_, sig, signer := e.Signature()
		if signer != nil {
			continue
		}
		among := known
		if sig.KeyID != nil {
			agent, verified := v.keys.Agent(*sig.KeyID)
			named := slices.ContainsFunc(known, func(a object.AgentID) bool { return v.keys.ID(a) == *sig.KeyID })
			if verified && named {
				continue
			}
			if verified && e.Mark != nil { // anybody may report a conflict
				among = append(slices.Clip(known), agent)
			}
		}
		err := e.VerifyWith(v.keys, among)
		if errors.Is(err, ledger.ErrUnverifiable) {
			e.Unverified = true
			v.unverifiable.Add(1)
		} else if err != nil {
			return err
		}
	}
	return nil
}
