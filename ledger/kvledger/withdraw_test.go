package kvledger_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/mythos-project/mythos/ledger"
	"github.com/mythos-project/mythos/ledger/kvledger"
	"github.com/mythos-project/mythos/object"
)

// describeHistory lists the kinds of a history's entries.
func describeHistory(s ledger.State) string {
	var kinds []string
	for _, e := range s.History {
		kinds = append(kinds, e.KindName())
	}
	return strings.Join(kinds, " ")
}

// TestWithdraw: an attempt that did not start frees its key, quota and request; an attempt that was stopped is unknown
// although its lease is valid.
func TestWithdraw(t *testing.T) {
	ctx := context.Background()
	w := newWorld(t)
	l := w.ledger(testKey)
	attempt := func(request string, p ledger.Policy) ledger.Decision {
		t.Helper()
		d, err := l.Register(ctx, tool, []byte("k"), object.SumText(request), p)
		if err != nil || d.Action != ledger.Invoke {
			t.Fatalf("%+v, %v", d, err)
		}
		return d
	}
	d := attempt("q", minute)
	ridden := false
	rider := ledger.Rider{Ride: func(func(string) ([]byte, error)) (map[string][]byte, error) {
		ridden = true
		return nil, nil
	}}
	if err := l.Withdraw(ctx, d, ledger.ResolveRelease, receipt(t, testKey, "k", "q", "", 503), rider); err != nil || !ridden {
		t.Fatalf("%v, the rider rode: %v", err, ridden)
	}
	d = attempt("another request", minute)
	if err := l.Withdraw(ctx, d, ledger.ResolveStop, receipt(t, testKey, "k", "another request", "", 504)); err != nil {
		t.Fatal(err)
	}
	_, err := w.ledger(otherKey).Register(ctx, tool, []byte("k"), object.SumText("another request"), minute)
	var unknown *ledger.UnknownOutcomeError
	if !errors.As(err, &unknown) || unknown.How != ledger.WasStopped || unknown.Fence != 2 || !errors.Is(err, ledger.ErrStopped) {
		t.Errorf("stopped: %v", err)
	}
	s, err := l.Read(ctx, d.IdemID)
	if want := "register receipt resolution register receipt resolution"; err != nil || describeHistory(s) != want || s.At(w.now) != ledger.StatusUnknown {
		t.Errorf("%s, %s, %v", describeHistory(s), s.At(w.now), err)
	}
	if _, err := l.Verify(ctx); err != nil {
		t.Error(err)
	}
}

// TestWithdrawnSuccess: a success that its owner released instead of committing is no evidence; an attempt that did not
// start is.
func TestWithdrawnSuccess(t *testing.T) {
	for status, intact := range map[uint16]bool{200: false, 399: false, 503: true} {
		l := newWorld(t).ledger(testKey)
		d, err := l.Register(t.Context(), tool, []byte("k"), object.SumText("q"), minute)
		if err != nil {
			t.Fatal(err)
		}
		raw := receipt(t, testKey, "k", "q", "", status)
		r, _, err := ledger.OpenReceipt(raw)
		if err != nil {
			t.Fatal(err)
		}
		if err := l.Withdraw(t.Context(), d, ledger.ResolveRelease, raw); err != nil {
			t.Fatal(err)
		}
		// Verify the export as a stranger would.
		if _, err := l.ExportEvidence(t.Context(), r.ReceiptID, kvledger.Authority{}, nil); (err == nil) != intact || (err != nil && !errors.Is(err, ledger.ErrEntry)) {
			t.Errorf("status %d: %v", status, err)
		}
	}
}

// TestWithdrawLate: an owner that was taken over frees nothing.
func TestWithdrawLate(t *testing.T) {
	ctx := context.Background()
	w := newWorld(t)
	first := w.ledger(testKey)
	d, err := first.Register(ctx, tool, []byte("k"), object.SumText("q"), again)
	if err != nil {
		t.Fatal(err)
	}
	w.now = w.now.Add(time.Hour)
	second := w.ledger(otherKey)
	if d, err := second.Register(ctx, tool, []byte("k"), object.SumText("q"), again); err != nil || d.Fence != 2 {
		t.Fatal(d, err)
	}
	late := receipt(t, testKey, "k", "q", "", 503)
	if err := first.Withdraw(ctx, d, ledger.ResolveRelease, late); !errors.Is(err, ledger.ErrAttempt) {
		t.Errorf("a late release: %v", err)
	}
	if _, err := first.Receipt(ctx, receiptID(t, late)); err != nil {
		t.Errorf("its receipt: %v", err)
	}
	if s, err := first.Read(ctx, d.IdemID); err != nil || s.At(w.now) != ledger.StatusPending {
		t.Errorf("%s, %v", s.At(w.now), err)
	}
	if _, err := second.Verify(ctx); err != nil {
		t.Error(err)
	}
}

// TestProbeOfAnOldAttempt: the result of a probe about one attempt neither commits nor releases a later one.
func TestProbeOfAnOldAttempt(t *testing.T) {
	ctx := context.Background()
	w := newWorld(t)
	l := w.ledger(testKey)
	d, err := l.Register(ctx, tool, []byte("k"), object.SumText("q"), minute)
	if err != nil {
		t.Fatal(err)
	}
	w.now = w.now.Add(time.Hour)
	if err := l.Resolve(ctx, d.IdemID, ledger.ResolveRetry, 1, nil, ""); err != nil {
		t.Fatal(err)
	}
	if _, err := w.ledger(otherKey).Register(ctx, tool, []byte("k"), object.SumText("q"), minute); err != nil {
		t.Fatal(err)
	}
	w.now = w.now.Add(time.Hour)
	if err := l.Resolve(ctx, d.IdemID, ledger.ResolveRetry, 1, nil, ""); !errors.Is(err, ledger.ErrAttempt) {
		t.Errorf("the old answer releases the new attempt: %v", err)
	}
	late := w.ledger(thirdKey)
	if err := late.Commit(ctx, ledger.Decision{IdemID: d.IdemID, Tool: tool, Key: []byte("k"), About: 1},
		receipt(t, thirdKey, "k", "q", "found", 200)); !errors.Is(err, ledger.ErrAttempt) {
		t.Errorf("the old answer commits the new attempt: %v", err)
	}
	if err := l.Resolve(ctx, d.IdemID, ledger.ResolveRetry, 2, nil, ""); err != nil {
		t.Error(err)
	}
}

// TestLeaseOfTheFuture: a lease from a clock that was a day ahead prevents nobody from deciding. A watcher that sees no
// sign of life for the lease's length considers the attempt over.
func TestLeaseOfTheFuture(t *testing.T) {
	ctx := context.Background()
	short := ledger.Policy{Lease: 20 * time.Millisecond, Retry: ledger.Retry}
	for _, watch := range []bool{false, true} {
		w := newWorld(t)
		today := w.now
		w.now = today.Add(24 * time.Hour)
		d, err := w.ledger(testKey).Register(ctx, tool, []byte("k"), object.SumText("q"), short)
		if err != nil {
			t.Fatal(err)
		}
		w.now = today
		l := w.ledger(otherKey)
		if _, err := l.Register(ctx, tool, []byte("k"), object.SumText("q"), short); !errors.Is(err, ledger.ErrBusy) {
			t.Fatal(err)
		}
		if watch {
			if _, err := l.Await(ctx, d.IdemID, d.RequestHash); err != nil {
				t.Fatal(err)
			}
		} else if err := l.Resolve(ctx, d.IdemID, ledger.ResolveRetry, 1, nil, "its clock was ahead"); err != nil {
			t.Fatal(err)
		}
		if d, err := l.Register(ctx, tool, []byte("k"), object.SumText("q"), short); err != nil || d.Fence != 2 {
			t.Errorf("watched %v: %+v, %v", watch, d, err)
		}
		if _, err := l.Verify(ctx); err != nil {
			t.Error(err)
		}
	}
}

// TestRenew: a renewed lease stays valid and adds nothing to the history. Its record is removed with the outcome.
func TestRenew(t *testing.T) {
	ctx := context.Background()
	w := newWorld(t)
	l := w.ledger(testKey)
	d, err := l.Register(ctx, tool, []byte("k"), object.SumText("q"), minute)
	if err != nil {
		t.Fatal(err)
	}
	for range 5 {
		w.now = w.now.Add(40 * time.Second)
		if ok, err := l.Renew(ctx, d, minute); !ok || err != nil {
			t.Fatal(ok, err)
		}
	}
	if _, err := w.ledger(otherKey).Register(ctx, tool, []byte("k"), object.SumText("q"), again); !errors.Is(err, ledger.ErrBusy) {
		t.Errorf("a renewed lease is taken over: %v", err)
	}
	if ok, err := w.ledger(otherKey).Renew(ctx, d, minute); ok || err != nil {
		t.Errorf("somebody else's lease is renewed: %v %v", ok, err)
	}
	if err := l.Commit(ctx, d, receipt(t, testKey, "k", "q", "r", 200)); err != nil {
		t.Fatal(err)
	}
	var left []string
	if err := w.db.Scan(ctx, "l/b/", "l/b/\xff", func(key string, _ []byte) error { left = append(left, key); return nil }); err != nil || len(left) > 0 {
		t.Errorf("renewals stay: %v, %v", left, err)
	}
	s, err := l.Read(ctx, d.IdemID)
	if err != nil || describeHistory(s) != "register receipt commit" {
		t.Errorf("%s, %v", describeHistory(s), err)
	}
}

// leaving are Holders of one process in memory, which behave like the lock of a file.
type leaving struct {
	presence
	free    chan struct{}
	left    []byte
	awaited bool
}

func (l *leaving) Hold(object.Hash) (kvledger.Hold, error)   { return l, nil }
func (l *leaving) Look(object.Hash) (ledger.Presence, error) { return l.Is(), nil }
func (l *leaving) Awaited() bool                             { return l.awaited }
func (l *leaving) Leave(data []byte) error                   { l.left = slices.Clone(data); return nil }
func (l *leaving) Drop(bool)                                 { close(l.free) }
func (l *leaving) Await(context.Context, object.Hash) ([]byte, error) {
	<-l.free
	return l.left, nil
}
func (l *leaving) Is() ledger.Presence {
	select {
	case <-l.free:
		return ledger.Gone
	default:
		return ledger.Held
	}
}

// TestAwaitAnswer: a waiter gets the outcome as it was signed, and nothing with a changed byte.
func TestAwaitAnswer(t *testing.T) {
	ctx := context.Background()
	w := newWorld(t)
	h := &leaving{free: make(chan struct{}), awaited: true}
	l := w.ledger(testKey)
	l.Holders = h
	d, err := l.Register(ctx, tool, []byte("k"), object.SumText("q"), minute)
	if err != nil {
		t.Fatal(err)
	}
	d.Response = []byte("r")
	raw := receipt(t, testKey, "k", "q", "r", 200)
	if err := l.Commit(ctx, d, raw); err != nil {
		t.Fatal(err)
	}
	await := func(request string) *ledger.Awaited {
		t.Helper()
		waiter := w.ledger(otherKey)
		waiter.Holders = heldOnce{h}
		a, err := waiter.Await(ctx, d.IdemID, object.SumText(request))
		if err != nil {
			t.Fatal(err)
		}
		return a
	}
	a := await("q")
	if a == nil || string(a.Body) != "r" || string(a.Decision.Receipt) != string(raw) || a.Decision.Action != ledger.Replay {
		t.Fatalf("%+v", a)
	}
	if a := await("another request"); a != nil {
		t.Errorf("an answer to another request: %+v", a)
	}
	good := h.left
	for i := range good {
		h.left = slices.Clone(good)
		h.left[i] ^= 1
		if a := await("q"); a != nil && (string(a.Body) != "r" || string(a.Decision.Receipt) != string(raw)) {
			t.Fatalf("byte %d changed: %+v", i, a)
		}
	}
}

// heldOnce reports the lock as held the first time.
type heldOnce struct{ *leaving }

func (heldOnce) Look(object.Hash) (ledger.Presence, error) { return ledger.Held, nil }
