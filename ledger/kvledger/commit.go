package kvledger

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/mythos-project/mythos/ledger"
	"github.com/mythos-project/mythos/ledger/mlog"
	"github.com/mythos-project/mythos/object"
)

// NewReceipt is the function NewReceipt with this ledger's signer. The ledger remembers that the signature is valid and
// does not check it again when the result is committed or recorded.
func (l *Ledger) NewReceipt(r ledger.Receipt) (object.Hash, []byte, error) {
	id, raw, err := l.self.NewReceipt(r)
	if err == nil {
		l.memo.add(leafDigest(ledger.EntryReceipt, raw))
	}
	return id, raw, err
}

// openReceipt is OpenReceipt with a bound on the size; it is cheaper for our own receipts.
func (l *Ledger) openReceipt(raw []byte) (*ledger.Receipt, error) {
	if len(raw) > ledger.MaxReceipt {
		return nil, fmt.Errorf("%w: %d bytes of at most %d", ledger.ErrTooLarge, len(raw), ledger.MaxReceipt)
	}
	if l.memo.has(leafDigest(ledger.EntryReceipt, raw)) {
		return object.Decode[ledger.Receipt](raw)
	}
	r, id, err := object.Open[ledger.Receipt](raw, ledger.ReceiptRule)
	if err != nil {
		return nil, fmt.Errorf("receipt: %w", err)
	}
	if l.self.Signed(r.Signer, id, r.Signature) {
		return r, nil
	}
	if err := l.keys.Verify(r.Signer, id, r.Signature); err != nil {
		return nil, fmt.Errorf("receipt %s: %w", id.Short(), err)
	}
	return r, nil
}

// Commit ends the effect of d with a receipt: receipt and commit are durable when it returns. Failed calls are
// committed too, with their status, and replay like any other. A commit that conflicts with an earlier one is recorded,
// and the history is marked; the error then wraps ErrNonDeterministic, ErrDivergent or ErrIdempotencyConflict.
// Committing the same receipt again does nothing. For an effect without a key, Commit records the receipt.
//
// d need not come from this Ledger: for a late commit Tool and Key suffice. With About, Commit ends only that attempt,
// and only if it is the latest, has no outcome and is not under way; otherwise the error wraps ErrAttempt. Response, if
// set, is left for those who wait. Riders share the update of the entries.
func (l *Ledger) Commit(ctx context.Context, d ledger.Decision, receiptRaw []byte, riders ...ledger.Rider) error {
	settled := false
	defer func() { l.leave(d, settled) }()
	r, err := l.openReceipt(receiptRaw)
	if err != nil {
		return err
	}
	if ledger.IdemID(r.ToolID, r.IdempotencyKey) != d.IdemID {
		return fmt.Errorf("commit: receipt %s is of another effect", r.ReceiptID.Short())
	}
	if len(r.IdempotencyKey) == 0 {
		return l.record(ctx, r, receiptRaw, riders)
	}
	now := l.now()
	c := ledger.EffectCommit{IdemID: d.IdemID, ToolID: r.ToolID, RequestHash: r.RequestHash, ResponseHash: r.ResponseHash,
		ReceiptID: r.ReceiptID, Status: r.Status, TimeObserved: now}
	var entries []ledger.Entry
	s, fresh := l.started(d)
	riders = append(l.unrenew(d.IdemID), riders...)
	for {
		if !fresh {
			if s, err = l.Read(ctx, d.IdemID); err != nil {
				return err
			}
		}
		if d.About != 0 && (d.About != s.Fence || s.Commit != nil || s.Presence == ledger.Held) {
			return &ledger.AttemptError{IdemID: d.IdemID, About: d.About, Latest: s.Fence}
		}
		v := ledger.Decide(s, ledger.Event{Commit: &c}, now, ledger.Policy{})
		if !v.Append {
			settled = v.Err == nil
			return v.Err
		}
		if entries == nil {
			raw, err := l.self.Seal(ledger.CommitRule, &c, &c.Signature)
			if err != nil {
				return err
			}
			entries = []ledger.Entry{{Kind: ledger.EntryReceipt, Raw: receiptRaw, Receipt: r}, {Kind: ledger.EntryCommit, Raw: raw, Commit: &c}}
		}
		ok, err := l.extend(ctx, &s, v, c.ToolID, now, fresh, riders, slices.Clip(entries)...)
		if err != nil || ok {
			if settled = err == nil; settled && v.Err == nil {
				l.leaveFor(d, s, entries)
			}
			if settled && s.Presence == ledger.Gone {
				l.tidy(d.IdemID)
			}
			return errors.Join(err, v.Err)
		}
		fresh = false
	}
}

// Record stores the receipt of an effect without a key, or of a refused effect. A receipt that is already stored is no
// error. Riders share the update of a new one.
func (l *Ledger) Record(ctx context.Context, receiptRaw []byte, riders ...ledger.Rider) error {
	r, err := l.openReceipt(receiptRaw)
	if err != nil {
		return err
	}
	return l.record(ctx, r, receiptRaw, riders)
}

func (l *Ledger) record(ctx context.Context, r *ledger.Receipt, raw []byte, riders []ledger.Rider) error {
	a := &mlog.Append{Leaves: [][]byte{ledger.Leaf(ledger.EntryReceipt, raw)}, Postings: []mlog.Posting{{Key: receiptKey(r.ReceiptID), To: 1}}, Riders: riders}
	_, err := l.log.Append(ctx, a)
	return err
}
