package ledger_test

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/mythos-project/mythos/ledger"
	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/object/can"
	"github.com/mythos-project/mythos/object/sign"
	"github.com/mythos-project/mythos/store/memory"
)

var (
	testKey  = sign.FromSeed([32]byte(bytes.Repeat([]byte{1}, 32)), "ctvp")
	otherKey = sign.FromSeed([32]byte(bytes.Repeat([]byte{2}, 32)), "other")
	tool     = object.SumText("tool:echo")
)

func mustHash(t *testing.T, s string) object.Hash {
	t.Helper()
	h, err := object.ParseHash(s)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

// bareSignature signs as the public vectors do: without a key id.
func bareSignature(t *testing.T, rule object.Rule, v any) object.Signature {
	t.Helper()
	id, err := rule.IDOf(v)
	if err != nil {
		t.Fatal(err)
	}
	sig, err := testKey.Sign(id.Sum[:])
	if err != nil {
		t.Fatal(err)
	}
	return object.Signature{Alg: object.Ed25519, Sig: sig}
}

// TestPublishedVectors rebuilds RECEIPT_001 and LEDGER_001 of the public
// conformance pack from their inputs.
func TestPublishedVectors(t *testing.T) {
	key, err := hex.DecodeString("6964656d3a303031")
	if err != nil {
		t.Fatal(err)
	}
	request := mustHash(t, "758d61f26a44448384e5c4468a0dcb7a2abe456067b0f7b505bc28b9411fe931")
	response := mustHash(t, "9795c5ff8937f23526ccb207a5684c1fc94a7854e19c021b39d944e51f5baef2")
	idem := ledger.IdemID(tool, key)
	if got := idem.String(); got != "7f24e6dcd855c1cec0f714e71e9721ecb75055274361f658b3813eceff0ae6d3" {
		t.Errorf("idem id %s", got)
	}
	r := ledger.Receipt{ToolID: tool, RequestHash: request, ResponseHash: response, IdempotencyKey: key,
		Signer: testKey.Agent(), TimeObserved: 1700000000000000, Status: 200}
	if r.ReceiptID, err = ledger.ReceiptRule.IDOf(&r); err != nil {
		t.Fatal(err)
	}
	if got := r.ReceiptID.String(); got != "0edba8b8f9547e0977cec96eb37d0e117e0c2718e7d69737ef17e8f1d9ce32cd" {
		t.Errorf("receipt id %s", got)
	}
	r.Signature = bareSignature(t, ledger.ReceiptRule, &r)
	if got := hex.EncodeToString(r.Signature.Sig[:8]); got != "88dc195d4383bd40" {
		t.Errorf("receipt signature starts %s", got)
	}
	raw, err := can.Marshal(&r)
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := ledger.OpenReceipt(raw); err != nil {
		t.Error(err)
	}
	reg := ledger.EffectRegister{IdemID: idem, ToolID: tool, RequestHash: request, IdempotencyKey: key, Owner: testKey.Agent(),
		LeaseExpiresAt: 1700000030000000, TimeObserved: 1700000000000000}
	com := ledger.EffectCommit{IdemID: idem, ToolID: tool, RequestHash: request, ResponseHash: response, ReceiptID: r.ReceiptID,
		Status: 200, TimeObserved: 1700000001000000}
	for want, id := range map[string]func() (object.Hash, error){
		"e2fc089f8e128c097410374b5fe59f9f052587968e304d1b570964bb3babcf9a": func() (object.Hash, error) { return ledger.RegisterRule.IDOf(&reg) },
		"7be23cd78504ae4c980e7df6277749976d1329c1e723c152cdf110572e42376b": func() (object.Hash, error) { return ledger.CommitRule.IDOf(&com) },
	} {
		if got, err := id(); err != nil || got.String() != want {
			t.Errorf("got %s, expected %s: %v", got, want, err)
		}
	}
}

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

type world struct {
	t   *testing.T
	db  *memory.DB
	now object.Time
}

func newWorld(t *testing.T) *world { return &world{t, memory.New(), 1_000_000} }

func (w *world) ledger(key *sign.Key) *ledger.Ledger {
	return ledger.Open(w.db, key, func() object.Time { return w.now })
}

func receipt(t *testing.T, key *sign.Key, idemKey, request, response string, status uint16) []byte {
	t.Helper()
	_, raw, err := ledger.NewReceipt(key, ledger.Receipt{ToolID: tool, RequestHash: object.SumText(request),
		ResponseHash: object.SumText(response), IdempotencyKey: []byte(idemKey), Status: status})
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

var (
	minute = ledger.Policy{Lease: time.Minute}
	again  = ledger.Policy{Lease: time.Minute, Retry: ledger.Retry}
)

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
	for _, l := range []*ledger.Ledger{a, b} {
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
	if err := a.Resolve(ctx, d.IdemID, ledger.ResolveRetry, nil, "the outside system has neither"); err != nil {
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

// fill writes n committed effects from several goroutines at once.
func fill(t *testing.T, l *ledger.Ledger, n int) {
	t.Helper()
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() {
			key := fmt.Sprint("key-", i)
			d, err := l.Register(context.Background(), tool, []byte(key), object.SumText("q"), minute)
			if err == nil {
				err = l.Commit(context.Background(), d, receipt(t, testKey, key, "q", "r", 200))
			}
			if err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
}

func TestVerifyFindsTampering(t *testing.T) {
	ctx := context.Background()
	tamper := map[string]func(put map[string][]byte, get func(string) []byte){
		"edited": func(put map[string][]byte, get func(string) []byte) {
			e := get("l/e/0000000000000007")
			e[len(e)-1] ^= 1
			put["l/e/0000000000000007"] = e
		},
		"dropped": func(put map[string][]byte, _ func(string) []byte) { put["l/e/0000000000000005"] = nil },
		"reordered": func(put map[string][]byte, get func(string) []byte) {
			put["l/e/0000000000000003"], put["l/e/0000000000000004"] = get("l/e/0000000000000004"), get("l/e/0000000000000003")
		},
		"cut": func(put map[string][]byte, _ func(string) []byte) {
			put["l/n"] = []byte{0, 0, 0, 0, 0, 0, 0, 20}
		},
	}
	for name, hurt := range tamper {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			l := w.ledger(testKey)
			fill(t, l, 40)
			if rep, err := l.Verify(ctx); err != nil || rep.Entries != 120 || rep.Effects != 40 {
				t.Fatalf("%+v %v", rep, err)
			}
			put := map[string][]byte{}
			hurt(put, func(key string) []byte {
				v, _, err := w.db.Get(ctx, key)
				if err != nil {
					t.Fatal(err)
				}
				return v
			})
			if _, err := w.db.Update(ctx, nil, put); err != nil {
				t.Fatal(err)
			}
			if _, err := w.ledger(testKey).Verify(ctx); err == nil {
				t.Fatal("it was not found")
			}
		})
	}
}

func TestCheckpointsShowACutTail(t *testing.T) {
	ctx := context.Background()
	w := newWorld(t)
	l := w.ledger(testKey)
	fill(t, l, 10)
	kept, err := l.Checkpoint(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(string(kept), ledger.Origin(testKey.Agent())+"\n30\n") {
		t.Fatalf("checkpoint:\n%s", kept)
	}
	fill(t, l, 15) // ten of them are replays: commits of other receipts... the same ones are redundant
	old, err := ledger.OpenCheckpoint(kept, testKey.Agent())
	if err != nil {
		t.Fatal(err)
	}
	if err := l.CheckConsistent(ctx, old); err != nil {
		t.Fatal(err)
	}
	if _, err := ledger.OpenCheckpoint(kept, otherKey.Agent()); err == nil {
		t.Fatal("a stranger's key opens the checkpoint")
	}
	if _, err := w.db.Update(ctx, nil, map[string][]byte{"l/n": {0, 0, 0, 0, 0, 0, 0, 12}}); err != nil {
		t.Fatal(err)
	}
	if err := w.ledger(testKey).CheckConsistent(ctx, old); !errors.Is(err, ledger.ErrCheckpoint) {
		t.Fatalf("the tail was cut: %v", err)
	}
}

func TestEvidenceTravels(t *testing.T) {
	ctx := context.Background()
	w := newWorld(t)
	l := w.ledger(testKey)
	fill(t, l, 7)
	id, err := ledger.ReceiptRule.ID(receipt(t, testKey, "key-3", "q", "r", 200))
	if err != nil {
		t.Fatal(err)
	}
	raw, err := l.ExportEvidence(ctx, id, nil)
	if err != nil {
		t.Fatal(err)
	}
	ev, err := ledger.VerifyEvidence(raw)
	if err != nil || ev.ReceiptID != id || ev.State.At(w.now) != ledger.StatusCommitted || ev.Log.Size != 21 {
		t.Fatalf("%+v %v", ev, err)
	}
	for i := range raw {
		bad := bytes.Clone(raw)
		bad[i] ^= 0x10
		if _, err := ledger.VerifyEvidence(bad); err == nil {
			t.Fatalf("byte %d may be changed: %q", i, raw[max(0, i-30):i+10])
		}
	}
}

func FuzzOpenReceipt(f *testing.F) {
	_, raw, err := ledger.NewReceipt(testKey, ledger.Receipt{ToolID: tool, RequestHash: tool, ResponseHash: tool, Status: 200})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(raw)
	f.Fuzz(func(t *testing.T, data []byte) {
		r, id, err := ledger.OpenReceipt(data)
		if err == nil && r.ReceiptID != id {
			t.Fatal("an accepted receipt has another id")
		}
	})
}

func BenchmarkPairs(b *testing.B) {
	for _, callers := range []int{1, 64} {
		b.Run(fmt.Sprint(callers, "callers"), func(b *testing.B) {
			l := ledger.Open(memory.New(), testKey, func() object.Time { return 1 })
			b.SetParallelism(callers)
			var n sync.Mutex
			next := 0
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					n.Lock()
					next++
					key := fmt.Sprint(next)
					n.Unlock()
					d, err := l.Register(context.Background(), tool, []byte(key), tool, minute)
					if err != nil {
						b.Error(err)
						return
					}
					_, raw, err := ledger.NewReceipt(testKey, ledger.Receipt{ToolID: tool, RequestHash: tool, ResponseHash: tool, IdempotencyKey: []byte(key), Status: 200})
					if err != nil {
						b.Error(err)
						return
					}
					if err := l.Commit(context.Background(), d, raw); err != nil {
						b.Error(err)
						return
					}
				}
			})
		})
	}
}
