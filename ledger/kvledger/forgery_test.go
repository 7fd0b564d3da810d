package kvledger_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/mythos-project/mythos/ledger"
	"github.com/mythos-project/mythos/ledger/kvledger"
	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/object/sign"
	"github.com/mythos-project/mythos/store/memory"
)

// liar signs as alice without her key.
type liar struct{ honest int } // number of valid signatures before the first bad one

func (l *liar) Agent() object.AgentID { return alice }
func (l *liar) Sign(message []byte) ([64]byte, error) {
	if l.honest--; l.honest >= 0 {
		return testKey.Sign(message)
	}
	return otherKey.Sign(message)
}

// TestForgedEntries: somebody writes to the store in the name of another, with a log that is sound in itself. Verify
// finds each kind of forged entry.
func TestForgedEntries(t *testing.T) {
	ctx := context.Background()
	for kind, honest := range map[string]int{"register": 0, "commit": 1, "divergence": 1, "resolution": 2} {
		w := newWorld(t)
		l := w.ledger(&liar{honest})
		d, err := l.Register(ctx, tool, []byte("k"), object.SumText("q"), minute)
		if err != nil {
			t.Fatal(err)
		}
		switch kind {
		case "commit":
			err = l.Commit(ctx, d, receipt(t, testKey, "k", "q", "r", 200))
		case "divergence", "resolution":
			err = l.MarkDivergent(ctx, tool, d.IdemID, ledger.MultipleCommits, nil)
			if kind == "resolution" {
				err = errors.Join(err, l.Resolve(ctx, d.IdemID, ledger.ResolveRetry, latest(l, d.IdemID), nil, ""))
			}
		}
		if err != nil {
			t.Fatal(kind, err)
		}
		for name, honest := range map[string]*kvledger.Ledger{"the agent": w.ledger(testKey), "another": w.ledger(otherKey)} {
			if _, err := honest.Read(ctx, d.IdemID); !errors.Is(err, sign.ErrSignature) {
				t.Errorf("%s, read by %s: %v", kind, name, err)
			}
			if _, err := honest.Verify(ctx); !errors.Is(err, sign.ErrSignature) {
				t.Errorf("%s, verified by %s: %v", kind, name, err)
			}
		}
	}
}

// TestForgedEvidence: the log's own signer seals bundles that do not verify.
func TestForgedEvidence(t *testing.T) {
	_, raw := exported(t, testKey)
	stranger := receipt(t, otherKey, "", "q", "r", 200)
	for name, change := range map[string]func(*ledger.EvidenceBundle){
		"another place":     func(b *ledger.EvidenceBundle) { b.Entries[0].Seq++ },
		"another proof":     func(b *ledger.EvidenceBundle) { b.Entries[1].Inclusion[0] = tool },
		"no proof":          func(b *ledger.EvidenceBundle) { b.Entries[1].Inclusion = []object.Hash{} },
		"another kind":      func(b *ledger.EvidenceBundle) { b.Entries[0].Kind = ledger.EntryCommit },
		"reordered":         func(b *ledger.EvidenceBundle) { b.Entries[0], b.Entries[1] = b.Entries[1], b.Entries[0] },
		"no register":       func(b *ledger.EvidenceBundle) { b.Entries = b.Entries[1:] },
		"no commit":         func(b *ledger.EvidenceBundle) { b.Entries = b.Entries[:2] },
		"no entries":        func(b *ledger.EvidenceBundle) { b.Entries = nil },
		"another receipt":   func(b *ledger.EvidenceBundle) { b.Receipt = stranger },
		"no receipt":        func(b *ledger.EvidenceBundle) { b.Receipt = nil },
		"another log":       func(b *ledger.EvidenceBundle) { b.Log = bob },
		"no checkpoint":     func(b *ledger.EvidenceBundle) { b.Checkpoint = "" },
		"receipt not among": func(b *ledger.EvidenceBundle) { b.Receipt, b.Entries = stranger, b.Entries[:1] },
	} {
		b, err := object.Decode[ledger.EvidenceBundle](raw)
		if err != nil {
			t.Fatal(err)
		}
		change(b)
		if b.Signature, err = sealed(b); err != nil {
			t.Fatal(err)
		}
		if _, err := ledger.VerifyEvidence(mustMarshal(t, b), func(object.AgentID) bool { return true }); err == nil {
			t.Errorf("%s: it is intact", name)
		}
	}
}

func sealed(b *ledger.EvidenceBundle) (object.Signature, error) {
	b.Signature = object.Signature{}
	id, err := ledger.EvidenceRule.IDOf(b)
	if err != nil {
		return object.Signature{}, err
	}
	return sign.ID(testKey, id)
}

// TestStaleRelease: an attempt that is over does not end the one after it.
func TestStaleRelease(t *testing.T) {
	ctx := context.Background()
	w := newWorld(t)
	l := w.ledger(testKey)
	first, err := l.Register(ctx, tool, []byte("k"), object.SumText("q"), again)
	if err != nil {
		t.Fatal(err)
	}
	l.Release(first)
	second, err := l.Register(ctx, tool, []byte("k"), object.SumText("q"), again)
	if err != nil || second.Fence != 2 {
		t.Fatalf("%+v %v", second, err)
	}
	l.Release(first)
	if _, err := l.Register(ctx, tool, []byte("k"), object.SumText("q"), again); !errors.Is(err, ledger.ErrBusy) {
		t.Errorf("the running attempt was forgotten: %v", err)
	}
}

// gatedKV holds its first update until the gate opens.
type gatedKV struct {
	*memory.DB
	updates atomic.Int64
	gate    chan struct{}
}

func (g *gatedKV) Update(ctx context.Context, check, put map[string][]byte) (bool, error) {
	if g.updates.Add(1) == 1 {
		<-g.gate
	}
	return g.DB.Update(ctx, check, put)
}

// slowKV delays each update, as a disk does.
type slowKV struct {
	*memory.DB
	updates atomic.Int64
}

func (s *slowKV) Update(ctx context.Context, check, put map[string][]byte) (bool, error) {
	s.updates.Add(1)
	time.Sleep(5 * time.Millisecond)
	return s.DB.Update(ctx, check, put)
}

// TestCallersShareUpdates: many callers share few updates. An effect that several of them ask for is registered once.
func TestCallersShareUpdates(t *testing.T) {
	const callers = 64
	kv := &gatedKV{DB: memory.New(), gate: make(chan struct{})}
	l := kvledger.Open(kv, testKey, func() object.Time { return 1 })
	same := receipt(t, testKey, "", "q", "the same", 200)
	own := make([][]byte, callers)
	for i := range own {
		own[i] = receipt(t, testKey, "", "q", fmt.Sprint(i), 200)
	}
	var wg, started sync.WaitGroup
	wg.Go(func() { // delays the others, so that they come together
		if err := l.Record(t.Context(), receipt(t, testKey, "", "q", "the first", 200)); err != nil {
			t.Error(err)
		}
	})
	for kv.updates.Load() == 0 {
		time.Sleep(10 * time.Microsecond)
	}
	started.Add(callers)
	for i := range callers {
		wg.Go(func() {
			started.Done()
			for _, raw := range [][]byte{same, own[i]} {
				if err := l.Record(t.Context(), raw); err != nil {
					t.Error(err)
				}
			}
		})
	}
	started.Wait()
	time.Sleep(100 * time.Millisecond) // they check their receipts, then queue behind the first
	close(kv.gate)
	wg.Wait()
	if rep, err := l.Verify(t.Context()); err != nil || rep.Entries != callers+2 || rep.Receipts != callers+2 {
		t.Errorf("%+v %v", rep, err)
	}
	if n := kv.updates.Load(); n > callers*3/2 { // one update per receipt would be twice as many as callers
		t.Errorf("%d callers made %d updates", callers, n)
	}
}

// TestLostAcknowledgement: after an update with an unknown result, the same commit goes through, once.
func TestLostAcknowledgement(t *testing.T) {
	ctx := context.Background()
	for _, durable := range []bool{true, false} {
		kv := &crashKV{DB: memory.New()}
		l := kvledger.Open(kv, testKey, func() object.Time { return 1 })
		d, err := l.Register(ctx, tool, []byte("k"), object.SumText("q"), minute)
		if err != nil {
			t.Fatal(err)
		}
		raw := receipt(t, testKey, "k", "q", "r", 200)
		kv.before, kv.after = !durable, durable
		if err := l.Commit(ctx, d, raw); !errors.Is(err, errCrash) {
			t.Fatal(err)
		}
		kv.before, kv.after = false, false
		if err := l.Commit(ctx, d, raw); err != nil {
			t.Errorf("durable %v: %v", durable, err)
		}
		if rep, err := l.Verify(ctx); err != nil || rep.Entries != 3 || rep.Divergent != 0 {
			t.Errorf("durable %v: %+v %v", durable, rep, err)
		}
	}
}

// failingKV fails one update.
type failingKV struct {
	*slowKV
	fail int64
}

func (f *failingKV) Update(ctx context.Context, check, put map[string][]byte) (bool, error) {
	if f.updates.Load()+1 == f.fail {
		f.updates.Add(1)
		time.Sleep(2 * time.Millisecond)
		return false, errCrash
	}
	return f.slowKV.Update(ctx, check, put)
}

// TestFailedUpdate: a caller that waits behind a failed update is not told that its content is stored.
func TestFailedUpdate(t *testing.T) {
	for fail := range int64(4) {
		kv := &failingKV{slowKV: &slowKV{DB: memory.New()}, fail: fail + 1}
		l := kvledger.Open(kv, testKey, func() object.Time { return 1 })
		same := receipt(t, testKey, "", "q", "the same", 200)
		var wg sync.WaitGroup
		var told atomic.Int64
		for range 16 {
			wg.Go(func() {
				err := l.Record(t.Context(), same)
				if err == nil {
					if _, err = l.Receipt(t.Context(), receiptID(t, same)); err != nil {
						t.Error(err)
					}
					told.Add(1)
				} else if !errors.Is(err, errCrash) {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		if told.Load() == 0 {
			t.Error("one failure is everybody's")
		}
	}
}
