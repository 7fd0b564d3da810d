package kvledger

import (
	"context"
	"errors"
	"fmt"

	"github.com/mythos-project/mythos/ledger"
	"github.com/mythos-project/mythos/ledger/mlog"
	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/store/kv"
)

const (
	historyKeys = kv.LedgerHistories
	receiptKeys = kv.LedgerReceipts
)

func historyKey(idem object.Hash) string { return historyKeys + idem.String() }
func receiptKey(id object.Hash) string   { return receiptKeys + id.String() }

// Entry returns the entry at seq, decoded. It does not check the signature. It costs a read of the 256 entries around
// it.
func (a *archive) Entry(ctx context.Context, seq uint64) (ledger.Entry, error) {
	data, err := a.log.Leaf(ctx, seq)
	if err != nil {
		return ledger.Entry{}, err
	}
	return ledger.ParseLeaf(seq, data)
}

// entryAt returns the entry at a place.
func entryAt(ctx context.Context, r *mlog.Reader, p mlog.Place) (ledger.Entry, error) {
	data, err := r.Leaf(ctx, p)
	if err != nil {
		return ledger.Entry{}, err
	}
	return ledger.ParseLeaf(p.Seq, data)
}

// Size is the number of entries of the log.
func (a *archive) Size(ctx context.Context) (uint64, error) { return a.log.Size(ctx) }

// Read returns the state of an effect with its whole history, every signature checked. An effect that was never
// registered has an empty history. A commit or mark by an unknown agent is Unverified: the mark counts all the same,
// the commit makes the state StatusUnverifiable. A resolution by somebody who is not an operator is Unverified, too,
// and has no effect.
func (l *Ledger) Read(ctx context.Context, idem object.Hash) (ledger.State, error) {
	index, err := kv.GetOrNil(ctx, l.kv, historyKey(idem))
	if err != nil || index == nil {
		return ledger.State{IdemID: idem}, err
	}
	places, err := mlog.ParsePlaces(index)
	if err != nil {
		return ledger.State{}, fmt.Errorf("history of effect %s: %w", idem.Short(), err)
	}
	history, err := l.history(ctx, idem, places, nil)
	if err != nil {
		return ledger.State{}, err
	}
	known := append([]object.AgentID{l.self.Agent()}, l.Known...)
	for i := range history {
		known = append(known, history[i].Signers()...)
		if err := l.check(&history[i], known); err != nil {
			return ledger.State{}, err
		}
	}
	s := ledger.Fold(idem, history)
	s.Index = index
	return s, l.present(ctx, &s)
}

// history reads the entries of an effect that known does not have. It does not check their signatures.
func (l *Ledger) history(ctx context.Context, idem object.Hash, places []mlog.Place, known func(mlog.Place) (ledger.Entry, bool)) ([]ledger.Entry, error) {
	r := l.log.Reader()
	history := make([]ledger.Entry, len(places))
	for i, p := range places {
		var e ledger.Entry
		ok := false
		if known != nil {
			e, ok = known(p)
		}
		if !ok {
			var err error
			if e, err = entryAt(ctx, r, p); err != nil {
				return nil, err
			}
		}
		if got, ok := e.IdemID(); !ok || got != idem {
			return nil, fmt.Errorf("entry %d: %w: it is not of effect %s", p.Seq, ledger.ErrEntry, idem.Short())
		}
		l.doubt(&e)
		history[i] = e
	}
	return history, nil
}

// doubt marks a resolution by somebody who is not an operator.
func (l *Ledger) doubt(e *ledger.Entry) {
	if e.Resolution != nil && !e.Resolution.ByOwner() && l.Operator != nil {
		e.Unverified = !l.Operator(e.Resolution.Signer, ledger.Moment{Time: e.Resolution.TimeObserved, Seq: e.Seq, Placed: true})
	}
}

// check verifies an entry's signature; for a remembered leaf, only once.
func (l *Ledger) check(e *ledger.Entry, known []object.AgentID) error {
	digest := leafDigest(e.Kind, e.Raw)
	if l.memo.has(digest) {
		return nil
	}
	err := e.VerifyWith(l.keys, known)
	switch {
	case err == nil:
		l.memo.add(digest)
	case errors.Is(err, ledger.ErrUnverifiable):
		e.Unverified = true
		return nil
	}
	return err
}

// ReceiptSeq is the place of a receipt in the log. The error wraps ErrNotFound.
func (a *archive) ReceiptSeq(ctx context.Context, id object.Hash) (uint64, error) {
	p, err := a.receiptPlace(ctx, id)
	return p.Seq, err
}

func (a *archive) receiptPlace(ctx context.Context, id object.Hash) (mlog.Place, error) {
	value, found, err := a.kv.Get(ctx, receiptKey(id))
	if err != nil {
		return mlog.Place{}, err
	}
	if !found {
		return mlog.Place{}, fmt.Errorf("receipt %s: %w", id, ledger.ErrNotFound)
	}
	return placeOf(value)
}

// Receipt returns the canonical bytes of a receipt. The error wraps ErrNotFound.
func (a *archive) Receipt(ctx context.Context, id object.Hash) ([]byte, error) {
	p, err := a.receiptPlace(ctx, id)
	if err != nil {
		return nil, err
	}
	return a.receiptAt(ctx, id, p)
}

func (a *archive) receiptAt(ctx context.Context, id object.Hash, p mlog.Place) ([]byte, error) {
	r := a.log.Reader()
	e, err := entryAt(ctx, r, p)
	if err != nil {
		return nil, err
	}
	if got, err := ledger.ReceiptRule.ID(e.Raw); err != nil || got != id || e.Receipt == nil {
		return nil, fmt.Errorf("entry %d: %w: it is not receipt %s", p.Seq, ledger.ErrEntry, id.Short())
	}
	return e.Raw, nil
}

// placeOf decodes the place of a receipt.
func placeOf(value []byte) (mlog.Place, error) {
	places, err := mlog.ParsePlaces(value)
	if err == nil && len(places) != 1 {
		err = fmt.Errorf("%w: a receipt in %d places", ledger.ErrEntry, len(places))
	}
	if err != nil {
		return mlog.Place{}, err
	}
	return places[0], nil
}
