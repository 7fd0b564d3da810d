package kvledger_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/mythos-project/mythos/ledger"
	"github.com/mythos-project/mythos/ledger/kvledger"
	"github.com/mythos-project/mythos/object"
)

// TestOwnLeaseAfterARestart: another process of the same agent is another owner, unless it knows that the first process
// has ended, or the first did not say which process it was.
func TestOwnLeaseAfterARestart(t *testing.T) {
	ctx := context.Background()
	for name, c := range map[string]struct {
		instance bool // the first process has one
		holders  kvledger.Holders
		policy   ledger.Policy
		want     error
	}{
		"nobody can tell":                        {true, nil, again, ledger.ErrBusy},
		"it runs":                                {true, presence(ledger.Held), again, ledger.ErrBusy},
		"it has ended":                           {true, presence(ledger.Gone), again, nil},
		"it has ended, not safe to repeat":       {true, presence(ledger.Gone), minute, ledger.ErrUnknownOutcome},
		"an old register":                        {false, nil, again, nil},
		"an old register, not safe to repeat":    {false, nil, minute, ledger.ErrBusy},
		"an old register, its process has ended": {false, presence(ledger.Gone), minute, ledger.ErrUnknownOutcome},
	} {
		w := newWorld(t)
		first := w.ledger(testKey)
		if !c.instance {
			first.Instance = nil
		}
		if _, err := first.Register(ctx, tool, []byte("k"), object.SumText("q"), minute); err != nil {
			t.Fatal(err)
		}
		restarted := w.ledger(testKey)
		restarted.Holders = c.holders
		d, err := restarted.Register(ctx, tool, []byte("k"), object.SumText("q"), c.policy)
		if !errors.Is(err, c.want) || (c.want == nil && d.Fence != 2) {
			t.Errorf("%s: %+v %v", name, d, err)
		}
		if _, err := restarted.Verify(ctx); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestProbe follows both results of a probe for an unknown outcome.
func TestProbe(t *testing.T) {
	ctx := context.Background()
	probe := ledger.Policy{Lease: time.Minute, Retry: ledger.Probe}
	for _, happened := range []bool{true, false} {
		w := newWorld(t)
		if _, err := w.ledger(testKey).Register(ctx, tool, []byte("k"), object.SumText("q"), probe); err != nil {
			t.Fatal(err)
		}
		w.now = w.now.Add(time.Hour)
		l := w.ledger(otherKey)
		d, err := l.Register(ctx, tool, []byte("k"), object.SumText("q"), probe)
		var unknown *ledger.UnknownOutcomeError
		if !errors.As(err, &unknown) || !unknown.Probe || unknown.Fence != 1 || !unknown.Owner.Same(alice) || !errors.Is(err, ledger.ErrUnknownOutcome) {
			t.Fatal(err)
		}
		want := ledger.Replay
		if happened {
			err = l.Commit(ctx, d, receipt(t, otherKey, "k", "q", "what the probe found", 200))
		} else {
			want = ledger.Invoke
			probed := receipt(t, otherKey, "", "did it?", "no", 404)
			if err := l.Record(ctx, probed); err != nil {
				t.Fatal(err)
			}
			err = l.Resolve(ctx, d.IdemID, ledger.ResolveRetry, latest(l, d.IdemID), []object.Hash{receiptID(t, probed)}, "")
		}
		if err != nil {
			t.Fatal(err)
		}
		if d, err = l.Register(ctx, tool, []byte("k"), object.SumText("q"), probe); err != nil || d.Action != want {
			t.Errorf("happened %v: %+v %v", happened, d, err)
		}
		if _, err := l.Verify(ctx); err != nil {
			t.Error(err)
		}
	}
}

func TestEffectsWithoutAKey(t *testing.T) {
	ctx := context.Background()
	l := newWorld(t).ledger(testKey)
	for i := range 3 {
		d, err := l.Register(ctx, tool, nil, object.SumText("q"), minute)
		if err != nil || d.Action != ledger.Invoke || d.Fence != 0 {
			t.Fatalf("%+v %v", d, err)
		}
		raw := receipt(t, testKey, "", "q", fmt.Sprint(i), 200)
		for range 2 { // the second time the mark is already there
			if err := l.Commit(ctx, d, raw); err != nil {
				t.Fatal(err)
			}
		}
	}
	if rep, err := l.Verify(ctx); err != nil || rep.Entries != 3 || rep.Receipts != 3 || rep.Effects != 0 {
		t.Errorf("%+v %v", rep, err)
	}
}

// TestResolutions settles a divergence in each way, appending only.
func TestResolutions(t *testing.T) {
	ctx := context.Background()
	for decision, want := range map[uint8]ledger.Status{ledger.ResolveRetry: ledger.StatusReleased,
		ledger.ResolveAbandon: ledger.StatusAbandoned, ledger.ResolveAccept: ledger.StatusCommitted} {
		w := newWorld(t)
		a, b := w.ledger(testKey), w.ledger(otherKey)
		d, err := a.Register(ctx, tool, []byte("k"), object.SumText("q"), again)
		if err != nil {
			t.Fatal(err)
		}
		if err := a.Resolve(ctx, d.IdemID, decision, latest(a, d.IdemID), nil, ""); !errors.Is(err, ledger.ErrNotResolvable) {
			t.Errorf("a live lease is resolved: %v", err)
		}
		w.now = w.now.Add(time.Hour)
		d2, err := b.Register(ctx, tool, []byte("k"), object.SumText("q"), again)
		if err != nil {
			t.Fatal(err)
		}
		first, second := receipt(t, testKey, "k", "q", "late", 200), receipt(t, otherKey, "k", "q", "second", 200)
		if err := a.Commit(ctx, d, first); err != nil {
			t.Fatal(err)
		}
		if err := b.Commit(ctx, d2, second); !errors.Is(err, ledger.ErrNonDeterministic) {
			t.Fatal(err)
		}
		before, err := a.Read(ctx, d.IdemID)
		if err != nil {
			t.Fatal(err)
		}
		if err := a.Resolve(ctx, d.IdemID, decision, latest(a, d.IdemID), []object.Hash{receiptID(t, second)}, "asked the bank"); err != nil {
			t.Fatal(err)
		}
		s, err := b.Read(ctx, d.IdemID)
		if err != nil || s.At(w.now) != want || len(s.History) != len(before.History)+1 || *s.Decision.Notes != "asked the bank" {
			t.Errorf("decision %d: %s, %v", decision, s.At(w.now), err)
		}
		if err := a.Resolve(ctx, d.IdemID, ledger.ResolveRetry, latest(a, d.IdemID), nil, ""); !errors.Is(err, ledger.ErrNotResolvable) {
			t.Errorf("resolved twice: %v", err)
		}
		if r, err := a.Register(ctx, tool, []byte("k"), object.SumText("q"), minute); want == ledger.StatusCommitted &&
			(err != nil || !bytes.Equal(r.Receipt, second)) {
			t.Errorf("the accepted commit is not replayed: %v", err)
		}
		if _, err := a.Verify(ctx); err != nil {
			t.Errorf("decision %d: %v", decision, err)
		}
	}
}

// TestOperators lets only operators resolve, and ignores resolutions by others.
func TestOperators(t *testing.T) {
	ctx := context.Background()
	w := newWorld(t)
	careful := func(l *kvledger.Ledger) *kvledger.Ledger {
		l.Operator = func(a object.AgentID, _ ledger.Moment) bool { return a.Same(thirdKey.Agent()) }
		return l
	}
	d, err := w.ledger(testKey).Register(ctx, tool, []byte("k"), object.SumText("q"), minute)
	if err != nil {
		t.Fatal(err)
	}
	w.now = w.now.Add(time.Hour)
	if err := careful(w.ledger(testKey)).Resolve(ctx, d.IdemID, ledger.ResolveRetry, latest(careful(w.ledger(testKey)), d.IdemID), nil, ""); !errors.Is(err, ledger.ErrNotOperator) {
		t.Error(err)
	}
	if err := w.ledger(testKey).Resolve(ctx, d.IdemID, ledger.ResolveRetry, latest(w.ledger(testKey), d.IdemID), nil, ""); err != nil { // a caller that does not check
		t.Fatal(err)
	}
	if _, err := careful(w.ledger(otherKey)).Register(ctx, tool, []byte("k"), object.SumText("q"), minute); !errors.Is(err, ledger.ErrUnknownOutcome) {
		t.Errorf("a resolution by nobody counts: %v", err)
	}
	if err := careful(w.ledger(thirdKey)).Resolve(ctx, d.IdemID, ledger.ResolveRetry, latest(careful(w.ledger(thirdKey)), d.IdemID), nil, ""); err != nil {
		t.Fatal(err)
	}
	if _, err := careful(w.ledger(otherKey)).Register(ctx, tool, []byte("k"), object.SumText("q"), minute); err != nil {
		t.Errorf("the operator's does not: %v", err)
	}
}

func TestListing(t *testing.T) {
	ctx := context.Background()
	w := newWorld(t)
	l := w.ledger(testKey)
	fill(t, l, 5)
	w.now += 1000
	other := object.SumText("tool:other")
	if _, err := w.ledger(otherKey).Register(ctx, other, []byte("k"), object.SumText("q"), minute); err != nil {
		t.Fatal(err)
	}
	if err := l.Record(ctx, receipt(t, testKey, "", "q", "r", 200)); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		f    kvledger.Filter
		want int
	}{
		"all":       {kvledger.Filter{}, 17},
		"from":      {kvledger.Filter{From: 14}, 3},
		"to":        {kvledger.Filter{To: 14}, 14},
		"between":   {kvledger.Filter{From: 4, To: 14}, 10},
		"kind":      {kvledger.Filter{Kind: ledger.EntryCommit}, 5},
		"tool":      {kvledger.Filter{Tool: other}, 1},
		"agent":     {kvledger.Filter{Agent: &bob}, 1},
		"signer":    {kvledger.Filter{Agent: &alice, Kind: ledger.EntryCommit}, 5},
		"since":     {kvledger.Filter{Since: w.now}, 1},
		"until":     {kvledger.Filter{Until: w.now, Kind: ledger.EntryRegister}, 5},
		"committed": {kvledger.Filter{State: ledger.StatusCommitted}, 15},
		"pending":   {kvledger.Filter{State: ledger.StatusPending}, 1},
		"divergent": {kvledger.Filter{State: ledger.StatusDivergent}, 0},
		"both":      {kvledger.Filter{State: ledger.StatusCommitted, Tool: other}, 0},
	} {
		got, last := 0, -1
		err := l.Log(ctx, c.f, func(e ledger.Entry) error {
			if int(e.Seq) <= last {
				t.Errorf("%s: entry %d after %d", name, e.Seq, last)
			}
			got, last = got+1, int(e.Seq)
			return nil
		})
		if err != nil || got != c.want {
			t.Errorf("%s: %d entries, expected %d: %v", name, got, c.want, err)
		}
	}
	var ids []object.Hash
	if err := l.Receipts(ctx, func(id object.Hash, raw []byte) error {
		ids = append(ids, id)
		got, err := l.Receipt(ctx, id)
		if err != nil || !bytes.Equal(got, raw) {
			t.Errorf("receipt %s: %v", id, err)
		}
		return nil
	}); err != nil || len(ids) != 6 || !slices.IsSortedFunc(ids, object.Hash.Compare) {
		t.Errorf("%v %v", ids, err)
	}
	if _, err := l.Receipt(ctx, tool); !errors.Is(err, ledger.ErrNotFound) {
		t.Error(err)
	}
	stop := errors.New("enough")
	if err := l.Log(ctx, kvledger.Filter{}, func(ledger.Entry) error { return stop }); !errors.Is(err, stop) {
		t.Error(err)
	}
	for s := ledger.StatusNone; s <= ledger.StatusUnverifiable; s++ {
		if got, err := ledger.ParseStatus(s.String()); err != nil || got != s {
			t.Errorf("%s: %v", s, err)
		}
	}
}

// TestSignaturesNameTheirKey checks that what we write always carries a key id.
func TestSignaturesNameTheirKey(t *testing.T) {
	ctx := context.Background()
	l := newWorld(t).ledger(testKey)
	fill(t, l, 1)
	if err := l.MarkDivergent(ctx, tool, ledger.IdemID(tool, []byte("key-0")), ledger.MultipleCommits, nil); err != nil {
		t.Fatal(err)
	}
	if err := l.Resolve(ctx, ledger.IdemID(tool, []byte("key-0")), ledger.ResolveAbandon, latest(l, ledger.IdemID(tool, []byte("key-0"))), nil, ""); err != nil {
		t.Fatal(err)
	}
	want := testKey.Agent().KeyID()
	kinds := map[byte]bool{}
	err := l.Log(ctx, kvledger.Filter{}, func(e ledger.Entry) error {
		kinds[e.Kind] = true
		var id *object.Hash
		switch {
		case e.Receipt != nil:
			id = e.Receipt.Signature.KeyID
		case e.Register != nil:
			id = e.Register.Signature.KeyID
		case e.Commit != nil:
			id = e.Commit.Signature.KeyID
		case e.Mark != nil:
			id = e.Mark.Signature.KeyID
		default:
			id = e.Resolution.Signature.KeyID
		}
		if id == nil || *id != want {
			t.Errorf("%s carries key id %v", e.KindName(), id)
		}
		return nil
	})
	if err != nil || len(kinds) != 5 {
		t.Errorf("%v %v", kinds, err)
	}
}

// TestOwnReceipts commits receipts in each of the ways in which they are known to be valid.
func TestOwnReceipts(t *testing.T) {
	ctx := context.Background()
	l := newWorld(t).ledger(testKey)
	_, remembered, err := l.NewReceipt(ledger.Receipt{ToolID: tool, RequestHash: tool, ResponseHash: tool, Status: 200})
	if err != nil {
		t.Fatal(err)
	}
	if want := receipt(t, testKey, "", "q", "r", 200); len(want) != len(remembered) {
		t.Errorf("the ledger makes another receipt: %d bytes, not %d", len(remembered), len(want))
	}
	for name, raw := range map[string][]byte{"remembered": remembered, "signed again": receipt(t, testKey, "", "q", "a", 200), "verified": receipt(t, otherKey, "", "q", "b", 200)} {
		for _, i := range []int{9, len(raw) - 1} {
			bad := bytes.Clone(raw)
			bad[i] ^= 1
			if l.Record(ctx, bad) == nil {
				t.Errorf("%s: byte %d may be changed", name, i)
			}
		}
		if err := l.Record(ctx, raw); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	if rep, err := l.Verify(ctx); err != nil || rep.Receipts != 3 {
		t.Errorf("%+v %v", rep, err)
	}
}

func TestRefusals(t *testing.T) {
	ctx := context.Background()
	w := newWorld(t)
	l := w.ledger(testKey)
	d, err := l.Register(ctx, tool, []byte("k"), object.SumText("q"), minute)
	if err != nil {
		t.Fatal(err)
	}
	if err := l.Commit(ctx, d, receipt(t, testKey, "other key", "q", "r", 200)); err == nil {
		t.Error("the receipt of another effect is committed")
	}
	never := ledger.Decision{IdemID: ledger.IdemID(tool, []byte("never"))}
	if err := l.Commit(ctx, never, receipt(t, testKey, "never", "q", "r", 200)); !errors.Is(err, ledger.ErrNotRegistered) {
		t.Error(err)
	}
	if err := l.Record(ctx, make([]byte, ledger.MaxReceipt+1)); !errors.Is(err, ledger.ErrTooLarge) {
		t.Error(err)
	}
	forged := receipt(t, testKey, "", "q", "r", 200)
	forged[len(forged)-1] ^= 1
	if err := l.Record(ctx, forged); err == nil {
		t.Error("a forged receipt of our own is recorded")
	}
	if _, err := l.Register(ctx, tool, []byte("z"), object.SumText("q"), ledger.Policy{}); err == nil {
		t.Error("a lease of nothing")
	}
	if err := l.MarkDivergent(ctx, tool, d.IdemID, 9, nil); !errors.Is(err, object.ErrInvalid) {
		t.Error(err)
	}
	if err := l.Resolve(ctx, d.IdemID, 9, latest(l, d.IdemID), nil, ""); !errors.Is(err, object.ErrInvalid) {
		t.Error(err)
	}
	cancelled, cancel := context.WithCancel(ctx)
	cancel()
	if err := l.Record(cancelled, receipt(t, testKey, "", "q", "r", 200)); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	if size, err := l.Size(ctx); err != nil || size != 1 {
		t.Errorf("%d entries, %v: a refusal wrote something", size, err)
	}
}
