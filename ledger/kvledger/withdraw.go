package kvledger

import (
	"context"
	"errors"
	"fmt"

	"github.com/mythos-project/mythos/ledger"
	"github.com/mythos-project/mythos/object"
)

// Withdraw ends an attempt of this Ledger that has no outcome, with a receipt that says why. ResolveRelease: it
// certainly did nothing, and its key is free again. ResolveStop: it was stopped, and may have done anything. Both
// entries are durable when it returns, and riders share their update. If somebody else has continued the effect
// meanwhile, the receipt is recorded outside the history and the error wraps ErrAttempt or ErrNotResolvable.
func (l *Ledger) Withdraw(ctx context.Context, d ledger.Decision, decision uint8, receiptRaw []byte, riders ...ledger.Rider) error {
	settled := false
	defer func() { l.leave(d, settled) }()
	receipt, err := l.openReceipt(receiptRaw)
	if err != nil {
		return err
	}
	if ledger.IdemID(receipt.ToolID, receipt.IdempotencyKey) != d.IdemID || len(d.Key) == 0 {
		return fmt.Errorf("withdraw: receipt %s is of another effect", receipt.ReceiptID.Short())
	}
	r := ledger.Resolution{IdemID: d.IdemID, Decision: decision, Evidence: []object.Hash{receipt.ReceiptID}, Signer: l.self.Agent(), About: &d.Fence}
	if !r.ByOwner() {
		return fmt.Errorf("withdraw: decision %d is an operator's", decision)
	}
	s, fresh := l.started(d)
	riders = append(l.unrenew(d.IdemID), riders...)
	for {
		if !fresh {
			if s, err = l.Read(ctx, d.IdemID); err != nil {
				return err
			}
		}
		r.TimeObserved, r.Signature = l.now(), object.Signature{}
		v := ledger.Decide(s, ledger.Event{Resolution: &r}, r.TimeObserved, ledger.Policy{})
		if !v.Append {
			return errors.Join(l.record(ctx, receipt, receiptRaw, nil), v.Err)
		}
		raw, err := l.self.Seal(ledger.ResolutionRule, &r, &r.Signature)
		if err != nil {
			return err
		}
		entries := []ledger.Entry{{Kind: ledger.EntryReceipt, Raw: receiptRaw, Receipt: receipt}, {Kind: ledger.EntryResolution, Raw: raw, Resolution: &r}}
		ok, err := l.extend(ctx, &s, ledger.Verdict{}, d.Tool, r.TimeObserved, fresh, riders, entries...)
		if err != nil || ok {
			settled = err == nil
			return err
		}
		fresh = false
	}
}
