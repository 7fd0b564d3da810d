package exec_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/mythos-project/mythos/caps"
	"github.com/mythos-project/mythos/caps/quota"
	"github.com/mythos-project/mythos/caps/scope"
	"github.com/mythos-project/mythos/exec"
	"github.com/mythos-project/mythos/exec/exectest"
	"github.com/mythos-project/mythos/exec/output"
)

// priced is a gate with a tool that costs 5, and that reports the cost in its request.
func priced(t *testing.T) *exectest.Env {
	e := exectest.New(t, 1)
	id := exec.BuiltinID("test.priced")
	use := func(request []byte) (scope.Use, error) {
		return scope.Use{Kind: scope.KindToolCall, Tool: id, Request: request, Price: 5}, nil
	}
	var lost atomic.Bool
	e.Builtin("test.priced", exec.Builtin{Use: use, RetrySafe: true, Run: func(_ context.Context, c exec.Call) (exec.Response, error) {
		said := string(c.Request)
		switch {
		case said == "gone":
			return exec.Response{}, exec.NotStarted(errors.New("it is gone"))
		case strings.HasPrefix(said, "lost ") && lost.CompareAndSwap(false, true):
			return exec.Response{}, errors.New("the line broke")
		}
		return exec.Response{Status: exec.StatusOK, Use: output.Reported([]byte("used " + strings.TrimPrefix(said, "lost ")))}, nil
	}})
	return e
}

func costLeft(e *exectest.Env, chain caps.Chain) uint64 {
	e.T.Helper()
	left, err := e.Gate.Quotas.(*quota.Quotas).Left(e.T.Context(), chain)
	if err != nil {
		e.T.Fatal(err)
	}
	return left[scope.Cost]
}

// TestCost: a price is charged before a call; the outcome returns the unused rest, and counts use beyond it. With a key
// and without.
func TestCost(t *testing.T) {
	for _, keyed := range []bool{true, false} {
		e := priced(t)
		chain := e.ToolCap("test.priced", ",cost=100")
		want := uint64(100)
		for i, c := range []struct {
			request string
			takes   uint64
			notes   string
		}{
			{"", 5, "used tokens=0 gpu_ms=0 charged=5"}, {"cost=2", 2, "used tokens=0 gpu_ms=0 cost=2 charged=5"}, {"tokens=9 cost=0", 0, "used tokens=9 gpu_ms=0 cost=0 charged=5"},
			{"cost=5", 5, "used tokens=0 gpu_ms=0 cost=5 charged=5"}, {"cost=8", 8, "used tokens=0 gpu_ms=0 cost=8 charged=5"}, {"cost=-1", 5, "used tokens=0 gpu_ms=0 charged=5"},
			{"cost=18446744073709551615", 75, "used tokens=0 gpu_ms=0 cost=18446744073709551615 charged=5"},
		} {
			key := ""
			if keyed {
				key = fmt.Sprint(i)
			}
			for range 1 + len(key) { // a replay charges nothing
				out, err := e.Gate.Do(t.Context(), effect("test.priced", c.request, key, chain))
				if err != nil {
					t.Fatal(c.request, err)
				}
				if notes := e.Receipt(out.ReceiptID).Notes; notes == nil || *notes != c.notes || out.Price != 5 {
					t.Errorf("%q: notes %v, price %d", c.request, notes, out.Price)
				}
			}
			if want -= c.takes; costLeft(e, chain) != want {
				t.Errorf("keyed %t: %q left %d, expected %d", keyed, c.request, costLeft(e, chain), want)
			}
		}
		if _, err := e.Gate.Do(t.Context(), effect("test.priced", "cost=0", "more", chain)); !errors.Is(err, caps.ErrQuota) {
			t.Errorf("beyond the limit: %v", err)
		}
	}
}

// TestCostOfBrokenAttempts: an attempt that did not start costs nothing. An attempt with an unknown outcome keeps its
// price until one that resumes it has an outcome.
func TestCostOfBrokenAttempts(t *testing.T) {
	e := priced(t)
	chain := e.ToolCap("test.priced", ",cost=10")
	if _, err := e.Gate.Do(t.Context(), effect("test.priced", "gone", "k", chain)); !errors.Is(err, exec.ErrNotStarted) || costLeft(e, chain) != 10 {
		t.Errorf("%v, %d left", err, costLeft(e, chain))
	}
	lost := effect("test.priced", "lost cost=1", "l", chain)
	if _, err := e.Gate.Do(t.Context(), lost); err == nil || costLeft(e, chain) != 5 {
		t.Errorf("%v, %d left", err, costLeft(e, chain))
	}
	out, err := e.Gate.Do(t.Context(), lost)
	if err != nil || out.Price != 5 || costLeft(e, chain) != 9 {
		t.Errorf("%+v, %v, %d left", out, err, costLeft(e, chain))
	}
	other := e.ToolCap("test.priced", ",cost=50")
	e = priced(t)
	chain = e.ToolCap("test.priced", ",cost=10")
	if _, err := e.Gate.Do(t.Context(), effect("test.priced", "lost cost=1", "l", chain)); err == nil {
		t.Error("it was not lost")
	}
	if _, err := e.Gate.Do(t.Context(), effect("test.priced", "lost cost=1", "l", other)); err != nil || costLeft(e, chain) != 5 || costLeft(e, other) != 50 {
		t.Errorf("%v: what was charged to another capability: %d and %d left", err, costLeft(e, chain), costLeft(e, other))
	}
}

// TestCostOfMany: however many callers there are, only as many calls run as the limit can pay for, at every link.
func TestCostOfMany(t *testing.T) {
	e := priced(t)
	chain := e.ToolCap("test.priced", ",cost=32")
	var ran, refused atomic.Int64
	var wg sync.WaitGroup
	for i := range 20 {
		wg.Go(func() {
			_, err := e.Gate.Do(t.Context(), effect("test.priced", "", fmt.Sprint(i), chain))
			switch {
			case err == nil:
				ran.Add(1)
			case errors.Is(err, caps.ErrQuota):
				refused.Add(1)
			default:
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if ran.Load() != 6 || refused.Load() != 14 || costLeft(e, chain) != 2 {
		t.Errorf("%d ran, %d were refused, %d left", ran.Load(), refused.Load(), costLeft(e, chain))
	}
}
