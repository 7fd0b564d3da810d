package repo_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/mythos-project/mythos/internal/config"
	"github.com/mythos-project/mythos/internal/engine"
	"github.com/mythos-project/mythos/internal/history"
	"github.com/mythos-project/mythos/internal/overview"
	"github.com/mythos-project/mythos/internal/repo"
	"github.com/mythos-project/mythos/ledger"
	"github.com/mythos-project/mythos/object"
)

// clock is a clock that tests move.
type clock struct {
	mu sync.Mutex
	at object.Time
}

func (c *clock) now() object.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at++
	return c.at
}

func (c *clock) pass(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(d)
}

func open(tb testing.TB, dir string, c *clock) *repo.Repo {
	tb.Helper()
	if _, _, err := repo.Init(dir, "alice", engine.Make); err != nil {
		tb.Fatal(err)
	}
	n, err := repo.Open(tb.Context(), filepath.Join(dir, repo.Folder), repo.Options{
		Config: &config.Config{Lease: time.Minute, Busy: time.Second}, Now: c.now, Debugf: func(string, ...any) {},
	})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := n.Close(); err != nil {
			tb.Error(err)
		}
	})
	return n
}

var testTool = object.SumText("tool")

// effect registers an effect and, unless it is left open, commits it.
func effect(ctx context.Context, n *repo.Repo, key, request string, leaveOpen bool) error {
	d, err := n.Ledger.Register(ctx, testTool, []byte(key), object.SumText(request), ledger.Policy{Lease: time.Minute, Retry: ledger.Retry})
	if err != nil || d.Action != ledger.Invoke {
		return err
	}
	if leaveOpen {
		n.Ledger.Release(d)
		return nil
	}
	_, raw, err := n.Ledger.NewReceipt(ledger.Receipt{ToolID: testTool, RequestHash: d.RequestHash, ResponseHash: object.SumText("ok"),
		IdempotencyKey: d.Key, TimeObserved: n.Now(), Status: 200})
	if err != nil {
		return err
	}
	return n.Ledger.Commit(ctx, d, raw)
}

// TestSummaryIsTheWholeTruth compares the incremental result of Summarize with the states of all effects.
func TestSummaryIsTheWholeTruth(t *testing.T) {
	ctx, c := t.Context(), &clock{at: object.TimeOf(time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC))}
	n := open(t, t.TempDir(), c)
	r := rand.New(rand.NewPCG(1, 2))
	for round := range 6 {
		for range 150 {
			key := strconv.Itoa(r.IntN(120))
			err := effect(ctx, n, key, key+strconv.Itoa(r.IntN(40)/39), r.IntN(4) == 0)
			if err != nil && !errors.Is(err, ledger.ErrIdempotencyConflict) && !errors.Is(err, ledger.ErrDivergent) && !errors.Is(err, ledger.ErrBusy) &&
				!errors.Is(err, ledger.ErrAbandoned) {
				t.Fatal(err)
			}
		}
		c.pass(2 * time.Minute)
		s, err := n.History.Summarize(ctx)
		if err != nil || s.Problem != "" {
			t.Fatal(err, s.Problem)
		}
		want, effects := map[object.Hash]ledger.Status{}, uint64(0)
		err = n.Ledger.Effects(ctx, func(e ledger.State) error {
			effects++
			if at := e.At(n.Now()); at != ledger.StatusCommitted && at != ledger.StatusAbandoned {
				want[e.IdemID] = at
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		if size, err := n.Ledger.Size(ctx); err != nil || s.Entries != size || s.Effects != effects || len(s.Open) != len(want) {
			t.Fatalf("round %d: %d entries, %d effects, %d open; expected %d, %d, %d (%v)", round, s.Entries, s.Effects, len(s.Open), size, effects, len(want), err)
		}
		for i, e := range s.Open {
			if want[e.IdemID] != e.At(n.Now()) {
				t.Errorf("%s is %s, expected %s", e.IdemID, e.At(n.Now()), want[e.IdemID])
			}
			if i == 0 {
				if err := n.Ledger.Resolve(ctx, e.IdemID, ledger.ResolveAbandon, e.Fence, nil, "test"); err != nil {
					t.Fatal(err)
				}
			}
		}
		if len(want) == 0 {
			t.Fatal("nothing was open: the test is void")
		}
	}
}

func TestHistoryIsNewestFirst(t *testing.T) {
	ctx, c := t.Context(), &clock{at: object.TimeOf(time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC))}
	n := open(t, t.TempDir(), c)
	for i := range 700 { // more than a page
		if err := effect(ctx, n, fmt.Sprint("key", i), "request", i == 650); err != nil {
			t.Fatal(err)
		}
	}
	if err := effect(ctx, n, "key3", "another request", false); !errors.Is(err, ledger.ErrIdempotencyConflict) {
		t.Fatal(err)
	}
	kinds, last := map[string]int{}, ^uint64(0)
	for h, err := range n.History.Events(ctx, history.Options{}) {
		if err != nil {
			t.Fatal(err)
		}
		if h.Seq >= last {
			t.Fatalf("entry %d after %d", h.Seq, last)
		}
		last = h.Seq
		kinds[h.Kind]++
		if h.Kind == "attempt" && h.Key != "key650" {
			t.Errorf("attempt of %q", h.Key)
		}
		if h.Kind == "effect" && h.By != "alice" {
			t.Errorf("by %q", h.By)
		}
	}
	if kinds["effect"] != 699 || kinds["attempt"] != 1 || kinds["divergence"] != 1 {
		t.Errorf("%v", kinds)
	}
	since := c.now()
	for range n.History.Events(ctx, history.Options{Since: since}) {
		t.Error("nothing happened since")
	}
}

// BenchmarkMillion measures the cost of `mythos log` and `mythos status` on a large ledger: MYTHOS_BENCH_LEDGER names a
// folder for it, MYTHOS_BENCH_EFFECTS (300,000 by default) is its number of effects of three entries each.
func BenchmarkMillion(b *testing.B) {
	dir := os.Getenv("MYTHOS_BENCH_LEDGER")
	if dir == "" {
		b.Skip("MYTHOS_BENCH_LEDGER is not set")
	}
	effects, err := strconv.Atoi(os.Getenv("MYTHOS_BENCH_EFFECTS"))
	if err != nil {
		effects = 300_000
	}
	n := open(b, dir, &clock{at: object.TimeOf(time.Now())})
	fill(b, n, effects)
	if err := n.History.ForgetSummary(b.Context()); err != nil {
		b.Fatal(err)
	}
	start := time.Now()
	s, err := n.History.Summarize(b.Context())
	if err != nil {
		b.Fatal(err)
	}
	b.Logf("%d entries; first status %v", s.Entries, time.Since(start))
	b.Run("status", func(b *testing.B) {
		for b.Loop() {
			if _, err := overview.StatusOf(b.Context(), n); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("log100", func(b *testing.B) {
		for b.Loop() {
			told := 0
			for _, err := range n.History.Events(b.Context(), history.Options{}) {
				if err != nil {
					b.Fatal(err)
				}
				if told++; told == 100 {
					break
				}
			}
		}
	})
}

func fill(b *testing.B, n *repo.Repo, effects int) {
	size, err := n.Ledger.Size(b.Context())
	if err != nil || size > 0 {
		return
	}
	var wg sync.WaitGroup
	for w := range 256 {
		wg.Go(func() {
			for i := w; i < effects; i += 256 {
				if err := effect(b.Context(), n, fmt.Sprint("key", i), "request", false); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
}
