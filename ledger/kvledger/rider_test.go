package kvledger_test

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"testing"

	"github.com/mythos-project/mythos/ledger"
	"github.com/mythos-project/mythos/ledger/kvledger"
	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/store/memory"
)

var errSpent = errors.New("spent")

// spend is a rider that takes one of most from a counter.
func spend(most int) ledger.Rider {
	return ledger.Rider{Size: 16, Reads: []string{"x/spent"}, Ride: func(get func(string) ([]byte, error)) (map[string][]byte, error) {
		raw, err := get("x/spent")
		if err != nil {
			return nil, err
		}
		n, _ := strconv.Atoi(string(raw))
		if n >= most {
			return nil, errSpent
		}
		return map[string][]byte{"x/spent": []byte(strconv.Itoa(n + 1))}, nil
	}}
}

// TestRidersShareTheUpdate: many callers of two ledgers, and somebody who changes the counter directly, register with a
// rider that refuses beyond a limit. Each register has its charge, and each charge its register.
func TestRidersShareTheUpdate(t *testing.T) {
	const most, callers = 40, 64
	w := newWorld(t)
	ledgers := []*kvledger.Ledger{w.ledger(testKey), w.ledger(otherKey)}
	var mu sync.Mutex
	registered := map[string]bool{}
	past := 0
	var wg sync.WaitGroup
	wg.Go(func() { // e.g. a charge for an effect without a key
		for range 10 {
			raw, _, err := w.db.Get(t.Context(), "x/spent")
			n, _ := strconv.Atoi(string(raw))
			if err != nil || n >= most {
				return
			}
			ok, err := w.db.Update(t.Context(), map[string][]byte{"x/spent": raw}, map[string][]byte{"x/spent": []byte(strconv.Itoa(n + 1))})
			if err != nil {
				t.Error(err)
			}
			if ok {
				past++
			}
		}
	})
	for i := range callers {
		wg.Go(func() {
			key := fmt.Sprint("key", i)
			_, err := ledgers[i%2].RegisterWith(context.Background(), tool, []byte(key), tool, minute,
				func(ledger.State) []ledger.Rider { return []ledger.Rider{spend(most)} })
			mu.Lock()
			defer mu.Unlock()
			if registered[key] = err == nil; err != nil && !errors.Is(err, errSpent) {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	count := 0
	for key, want := range registered {
		s, err := ledgers[0].Read(t.Context(), ledger.IdemID(tool, []byte(key)))
		if err != nil || (len(s.History) == 1) != want {
			t.Errorf("%s: %d entries, registered %v, %v", key, len(s.History), want, err)
		}
		count += len(s.History)
	}
	if spent, _ := strconv.Atoi(string(w.get("x/spent"))); count+past != most || spent != most {
		t.Errorf("%d registers, %d charges past them, the counter says %d of %d", count, past, spent, most)
	}
	if _, err := ledgers[0].Verify(t.Context()); err != nil {
		t.Error(err)
	}
}

// TestNothingRidesWithNothing: if nothing is appended, no rider writes. A caller that a rider refused may register
// again.
func TestNothingRidesWithNothing(t *testing.T) {
	ctx := t.Context()
	w := newWorld(t)
	l := w.ledger(testKey)
	never := func(ledger.State) []ledger.Rider { return []ledger.Rider{spend(0)} }
	if _, err := l.RegisterWith(ctx, tool, []byte("k"), tool, minute, never); !errors.Is(err, errSpent) {
		t.Fatalf("a rider that refuses: %v", err)
	}
	if n, err := l.Size(ctx); err != nil || n != 0 {
		t.Fatalf("%d entries, %v", n, err)
	}
	if err := pair(ctx, l, "k"); err != nil {
		t.Fatal(err)
	}
	if d, err := l.RegisterWith(ctx, tool, []byte("k"), tool, minute, never); err != nil || d.Action != ledger.Replay {
		t.Errorf("a replay: %+v, %v", d, err)
	}
	raw := receipt(t, testKey, "", "q", "r", 200)
	for range 2 { // the second time it is already there
		if err := l.Record(ctx, raw, spend(1)); err != nil {
			t.Fatal(err)
		}
	}
	if got := string(w.get("x/spent")); got != "1" {
		t.Errorf("spent %s", got)
	}
}

// scanned is a store that counts scans of segments.
type scanned struct {
	*memory.DB
	segments int
}

func (s *scanned) Scan(ctx context.Context, from, to string, fn func(string, []byte) error) error {
	return s.DB.Scan(ctx, from, to, func(key string, value []byte) error {
		if key[:4] == "l/e/" {
			s.segments++
		}
		return fn(key, value)
	})
}

// TestFindKey finds effects by key alone, without reading the log.
func TestFindKey(t *testing.T) {
	ctx := t.Context()
	w := newWorld(t)
	second := ledger.IdemID(tool, []byte("another tool"))
	if err := pair(ctx, w.ledger(testKey), "one"); err != nil {
		t.Fatal(err)
	}
	for _, key := range []string{"one", "two"} {
		if _, err := w.ledger(otherKey).Register(ctx, second, []byte(key), tool, minute); err != nil {
			t.Fatal(err)
		}
	}
	db := &scanned{DB: w.db}
	l := kvledger.Open(db, testKey, func() object.Time { return w.now })
	for key, want := range map[string]int{"one": 2, "two": 1, "three": 0} {
		if found, err := l.FindKey(ctx, []byte(key)); err != nil || len(found) != want {
			t.Errorf("%s: %v, %v", key, found, err)
		}
	}
	if db.segments > 0 {
		t.Errorf("%d segments were read", db.segments)
	}
	if _, err := l.Verify(ctx); err != nil {
		t.Error(err)
	}
	if _, err := w.copyOf(map[string][]byte{"l/u/" + second.String(): nil}).ledger(testKey).Verify(ctx); !errors.Is(err, ledger.ErrEntry) {
		t.Errorf("a tool was taken from the list: %v", err)
	}
}
