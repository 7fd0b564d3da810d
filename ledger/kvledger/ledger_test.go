package kvledger_test

import (
	"bytes"
	"context"
	"errors"
	"testing"
	"time"

	"github.com/mythos-project/mythos/ledger"
	"github.com/mythos-project/mythos/ledger/kvledger"
	"github.com/mythos-project/mythos/object"
)

// TestReceiptBitFlips flips every bit of a receipt: each change is refused.
func TestReceiptBitFlips(t *testing.T) {
	_, raw, err := ledger.NewReceipt(testKey, ledger.Receipt{ToolID: tool, RequestHash: tool, ResponseHash: tool, IdempotencyKey: []byte("k"), Status: 200})
	if err != nil {
		t.Fatal(err)
	}
	for i := range len(raw) * 8 {
		bad := bytes.Clone(raw)
		bad[i/8] ^= 1 << (i % 8)
		if _, _, err := ledger.OpenReceipt(bad); err == nil {
			t.Fatalf("bit %d of byte %d may be flipped", i%8, i/8)
		}
	}
}

func TestLifeOfAnEffect(t *testing.T) {
	ctx := context.Background()
	w := newWorld(t)
	a, b := w.ledger(testKey), w.ledger(otherKey)
	d, err := a.Register(ctx, tool, []byte("k"), object.SumText("q"), minute)
	if err != nil || d.Action != ledger.Invoke || d.Fence != 1 {
		t.Fatalf("%+v %v", d, err)
	}
	var busy *ledger.BusyError
	if _, err := b.Register(ctx, tool, []byte("k"), object.SumText("q"), again); !errors.As(err, &busy) || !busy.Owner.Same(testKey.Agent()) {
		t.Fatalf("a live lease of another: %v", err)
	}
	if _, err := a.Register(ctx, tool, []byte("k"), object.SumText("q"), again); !errors.Is(err, ledger.ErrBusy) {
		t.Fatalf("our own attempt under way: %v", err)
	}
	if err := a.Commit(ctx, d, receipt(t, testKey, "k", "q", "r", 500)); err != nil {
		t.Fatal(err)
	}
	if err := a.Commit(ctx, d, receipt(t, testKey, "k", "q", "r", 500)); err != nil {
		t.Fatalf("a redundant commit: %v", err)
	}
	for _, l := range []*kvledger.Ledger{a, b} {
		r, err := l.Register(ctx, tool, []byte("k"), object.SumText("q"), minute)
		if err != nil || r.Action != ledger.Replay || r.Commit.Status != 500 || len(r.Receipt) == 0 {
			t.Fatalf("%+v %v", r, err)
		}
	}
	if _, err := b.Register(ctx, tool, []byte("k"), object.SumText("other"), minute); !errors.Is(err, ledger.ErrIdempotencyConflict) {
		t.Fatal(err)
	}
	if _, err := a.Register(ctx, tool, []byte("k"), object.SumText("q"), minute); !errors.Is(err, ledger.ErrDivergent) {
		t.Fatalf("divergence is final: %v", err)
	}
	s, err := a.Read(ctx, d.IdemID)
	if err != nil || s.At(w.now) != ledger.StatusDivergent || s.Mark.Reason != ledger.RequestHashConflict || len(s.History) != 4 {
		t.Fatalf("%v %v", s.At(w.now), err)
	}
}

func TestExpiredLeases(t *testing.T) {
	ctx := context.Background()
	w := newWorld(t)
	a, b := w.ledger(testKey), w.ledger(otherKey)
	d, err := a.Register(ctx, tool, []byte("k"), object.SumText("q"), minute)
	if err != nil {
		t.Fatal(err)
	}
	w.now = w.now.Add(time.Minute) // the lease lives while now < expires
	if _, err := b.Register(ctx, tool, []byte("k"), object.SumText("q"), minute); !errors.Is(err, ledger.ErrUnknownOutcome) {
		t.Fatal(err)
	}
	d2, err := b.Register(ctx, tool, []byte("k"), object.SumText("q"), again)
	if err != nil || d2.Fence != 2 {
		t.Fatalf("takeover: %+v %v", d2, err)
	}
	if err := a.Commit(ctx, d, receipt(t, testKey, "k", "q", "late", 200)); err != nil {
		t.Fatalf("a late commit is recorded: %v", err)
	}
	if err := b.Commit(ctx, d2, receipt(t, otherKey, "k", "q", "second", 200)); !errors.Is(err, ledger.ErrNonDeterministic) {
		t.Fatal(err)
	}
	s, err := a.Read(ctx, d.IdemID)
	if err != nil || s.Mark == nil || s.Mark.Reason != ledger.ResponseHashConflict {
		t.Fatalf("%+v %v", s.Mark, err)
	}
	if err := a.Resolve(ctx, d.IdemID, ledger.ResolveRetry, latest(a, d.IdemID), nil, "the outside system has neither"); err != nil {
		t.Fatal(err)
	}
	if d3, err := b.Register(ctx, tool, []byte("k"), object.SumText("q"), minute); err != nil || d3.Fence != 3 {
		t.Fatalf("after the resolution: %+v %v", d3, err)
	}
}

func TestSameResponseAnotherReceipt(t *testing.T) {
	ctx := context.Background()
	w := newWorld(t)
	a, b := w.ledger(testKey), w.ledger(otherKey)
	d, _ := a.Register(ctx, tool, []byte("k"), object.SumText("q"), again)
	w.now = w.now.Add(time.Hour)
	d2, err := b.Register(ctx, tool, []byte("k"), object.SumText("q"), again)
	if err != nil {
		t.Fatal(err)
	}
	if err := a.Commit(ctx, d, receipt(t, testKey, "k", "q", "r", 200)); err != nil {
		t.Fatal(err)
	}
	if err := b.Commit(ctx, d2, receipt(t, otherKey, "k", "q", "r", 200)); !errors.Is(err, ledger.ErrDivergent) {
		t.Fatalf("two commits with different receipts: %v", err)
	}
}
