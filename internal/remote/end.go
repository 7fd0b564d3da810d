package remote

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/mythos-project/mythos/caps"
	"github.com/mythos-project/mythos/exec"
	"github.com/mythos-project/mythos/internal/gateway/wire"
	"github.com/mythos-project/mythos/ledger"
	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/object/can"
	"github.com/mythos-project/mythos/store/kv"
)

// Commit ends an effect with a receipt. When it returns without an error, receipt and commit are proven to be in the
// ledger, and the receipt and its riders are stored here. Errors are those of [ledger.Ledger.Commit], and an
// [*UndeliveredError].
func (l *Ledger) Commit(ctx context.Context, d ledger.Decision, receiptRaw []byte, riders ...ledger.Rider) error {
	if l.Stays(d.Tool) {
		return l.Local.Commit(ctx, d, receiptRaw, riders...)
	}
	r, err := object.Decode[ledger.Receipt](receiptRaw)
	if err != nil {
		return err
	}
	c := ledger.EffectCommit{IdemID: d.IdemID, ToolID: r.ToolID, RequestHash: r.RequestHash, ResponseHash: r.ResponseHash,
		ReceiptID: r.ReceiptID, Status: r.Status, TimeObserved: l.now()}
	raw, err := ledger.NewSigner(l.Signer).Seal(ledger.CommitRule, &c, &c.Signature)
	if err != nil {
		return err
	}
	q := wire.Record{Receipt: receiptRaw, Commit: raw, Response: notNil(d.Response)}
	if d.About != 0 {
		q.About = &d.About
	}
	return l.end(ctx, d, q, ledger.EntryCommit, raw, riders)
}

// Withdraw ends an attempt without an outcome.
func (l *Ledger) Withdraw(ctx context.Context, d ledger.Decision, decision uint8, receiptRaw []byte, riders ...ledger.Rider) error {
	if l.Stays(d.Tool) {
		return l.Local.Withdraw(ctx, d, decision, receiptRaw, riders...)
	}
	r, err := object.Decode[ledger.Receipt](receiptRaw)
	if err != nil {
		return err
	}
	raw, err := l.resolution(d, decision, r.ReceiptID)
	if err != nil {
		return err
	}
	q := wire.Record{Receipt: receiptRaw, Resolution: raw, Response: []byte{}}
	return l.end(ctx, d, q, ledger.EntryResolution, raw, riders)
}

func (l *Ledger) resolution(d ledger.Decision, decision uint8, receipt object.Hash) ([]byte, error) {
	r := ledger.Resolution{IdemID: d.IdemID, Decision: decision, Evidence: []object.Hash{receipt}, Signer: l.Signer.Agent(), TimeObserved: l.now(), About: &d.Fence}
	return ledger.NewSigner(l.Signer).Seal(ledger.ResolutionRule, &r, &r.Signature)
}

// end records there, and stores the receipt here meanwhile.
func (l *Ledger) end(ctx context.Context, d ledger.Decision, q wire.Record, kind byte, raw []byte, riders []ledger.Rider) error {
	ctx = context.WithoutCancel(ctx)
	defer l.Release(d)
	l.mu.Lock()
	chain := l.active[d.IdemID]
	l.mu.Unlock()
	kept := make(chan error, 1)
	if chain != nil {
		riders = append(riders, there(chain[0].ID))
	}
	go func() { kept <- l.Local.Record(ctx, q.Receipt, riders...) }()
	path, body := "/v1/effects/"+d.IdemID.String()+"/end", func() ([]byte, error) { return can.Marshal(&q) }
	probed, asked, err := found(ctx, l, d, q.Receipt)
	if probed != nil {
		chain, probed.Record = asked, &q
		path, body = "/v1/effects/"+d.IdemID.String()+"/probed", func() ([]byte, error) { return can.Marshal(probed) }
	}
	if err == nil {
		err = l.recorded(ctx, d, &q, chain, path, body, kind, raw)
	}
	return errors.Join(err, <-kept)
}

// recorded sends what says how an attempt ended: body is that of a request to path, and contains q.
func (l *Ledger) recorded(ctx context.Context, d ledger.Decision, q *wire.Record, chain caps.Chain, path string, body func() ([]byte, error), kind byte, raw []byte) error {
	since, done := l.pins.lead()
	defer done()
	q.Since = since
	sent, err := body()
	if err != nil {
		return err
	}
	a, err := l.answered(ctx, path, chain, sent, persistence{most: l.Insistence})
	if err != nil {
		q.Since = nil
		later, merr := body()
		if merr != nil {
			return errors.Join(err, merr)
		}
		return l.owe(ctx, owed{Path: path, Body: later}, chain, err)
	}
	if a.Verdict == wire.Refused && a.Refusal != nil {
		about := d.About
		if about == 0 {
			about = d.Fence
		}
		return a.Refusal.Error(d.IdemID, false, about)
	}
	if a.Verdict != wire.Recorded {
		return fmt.Errorf("%w: verdict %d to what an attempt left", ErrAnswer, a.Verdict)
	}
	return l.proven(ctx, chain, a, since, kind, raw, done)
}

// Record stores a receipt here and, for an effect without a key that was charged there, also there.
func (l *Ledger) Record(ctx context.Context, receiptRaw []byte, riders ...ledger.Rider) error {
	r, err := object.Decode[ledger.Receipt](receiptRaw)
	if err != nil {
		return err
	}
	var chain caps.Chain
	if !l.Stays(r.ToolID) && len(r.IdempotencyKey) == 0 && len(r.Evidence) > 0 {
		l.mu.Lock()
		chain = l.keyless[r.Evidence[0]]
		l.mu.Unlock()
	}
	if chain != nil {
		riders = append(riders, there(chain[0].ID))
	}
	if err := l.Local.Record(ctx, receiptRaw, riders...); err != nil || chain == nil {
		return err
	}
	ctx = context.WithoutCancel(ctx)
	a, err := l.answered(ctx, "/v1/receipts", chain, receiptRaw, persistence{most: l.Insistence})
	if err != nil {
		return l.owe(ctx, owed{Path: "/v1/receipts", Body: receiptRaw}, chain, err)
	}
	if a.Verdict != wire.Recorded {
		return fmt.Errorf("%w: verdict %d to a receipt", ErrAnswer, a.Verdict)
	}
	return l.proven(ctx, chain, a, nil, ledger.EntryReceipt, receiptRaw, func() {})
}

// there records that uses of a capability are not counted here.
func there(leaf object.Hash) ledger.Rider {
	key := kv.ChargedThere + leaf.String()
	return ledger.Rider{Size: len(key), Ride: func(get func(string) ([]byte, error)) (map[string][]byte, error) {
		if value, err := get(key); err != nil || value != nil {
			return nil, err
		}
		return map[string][]byte{key: {}}, nil
	}}
}

// Renew extends the lease of an attempt, as a sign of life of its maker.
func (l *Ledger) Renew(ctx context.Context, d ledger.Decision, p ledger.Policy) (bool, error) {
	if l.Stays(d.Tool) {
		return l.Local.Renew(ctx, d, p)
	}
	body, err := can.Marshal(&wire.Renewal{Fence: d.Fence, LeaseUs: uint64(p.Lease / time.Microsecond)})
	if err != nil {
		return false, err
	}
	ctx, cancel := context.WithTimeout(ctx, p.Lease/3)
	defer cancel()
	a, err := l.answered(ctx, "/v1/effects/"+d.IdemID.String()+"/renew", nil, body, persistence{most: p.Lease / 4})
	if err != nil {
		return false, err
	}
	return a.Verdict == wire.Recorded, nil
}

// unanswered is the error for a register that may or may not be recorded, or is not proven: nothing is run. If it may
// be recorded, the key is released, now or the next time that the ledger is asked. The answer is nil if there was none.
func (l *Ledger) unanswered(ctx context.Context, d ledger.Decision, fence uint64, chain caps.Chain, q wire.Ask, a *wire.Answer, why error) error {
	var lost *UnreachableError
	sent := a != nil && a.Verdict == wire.Invoke || ctx.Err() != nil || errors.As(why, &lost) && !lost.Unsent
	if !sent {
		return why
	}
	d.Fence = fence
	ctx = context.WithoutCancel(ctx)
	notes := "did not start: the ledger did not answer"
	id, receipt, err := l.NewReceipt(ledger.Receipt{ToolID: d.Tool, RequestHash: d.RequestHash, ResponseHash: object.Sum(nil), IdempotencyKey: d.Key,
		TimeObserved: l.now(), Status: exec.StatusNotStarted, Evidence: []object.Hash{chain[0].ID}, Notes: &notes})
	if err != nil {
		return errors.Join(why, err)
	}
	raw, err := l.resolution(d, ledger.ResolveRelease, id)
	if err != nil {
		return errors.Join(why, err)
	}
	body, err := can.Marshal(&wire.Record{Receipt: receipt, Resolution: raw, Response: []byte{}})
	if err != nil {
		return errors.Join(why, err)
	}
	q.Since = nil
	asked, err := can.Marshal(&q)
	if err != nil {
		return errors.Join(why, err)
	}
	o := owed{Path: "/v1/effects/" + d.IdemID.String() + "/end", Body: body, Register: asked}
	soon, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	if _, err := l.tell(soon, o, chain, persistence{once: true}); err == nil {
		return why
	}
	if err := l.keep(ctx, o, chain); err != nil {
		return errors.Join(why, err)
	}
	return why
}
