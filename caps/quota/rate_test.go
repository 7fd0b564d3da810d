package quota

import (
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/mythos-project/mythos/caps"
	"github.com/mythos-project/mythos/caps/scope"
	"github.com/mythos-project/mythos/object"
)

// TestRate: whatever the times of the calls, in any span no more pass than the rate allows: the calls at once, and one
// for each interval. A caller who waits as long as told passes.
func TestRate(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := scope.Rate{Calls: rapid.Uint32Range(1, 5).Draw(t, "calls"), PerUs: rapid.Uint64Range(5, 40).Draw(t, "per")}
		interval := (r.PerUs + uint64(r.Calls) - 1) / uint64(r.Calls)
		var tat object.Time
		var taken []uint64
		now := uint64(t0)
		for range 30 {
			now += rapid.Uint64Range(0, 12).Draw(t, "pause")
			next, wait := r.Take(tat, object.Time(now))
			if wait > 0 {
				if _, again := r.Take(tat, object.Time(now+wait)); again > 0 {
					t.Fatalf("%s: %d more after a wait of %d", r, again, wait)
				}
				if _, early := r.Take(tat, object.Time(now+wait-1)); early == 0 {
					t.Fatalf("%s: let through before the wait of %d", r, wait)
				}
				continue
			}
			tat, taken = next, append(taken, now)
		}
		for i := range taken {
			for j := i; j < len(taken); j++ {
				if most := uint64(r.Calls) + (taken[j]-taken[i])/interval; uint64(j-i+1) > most {
					t.Fatalf("%s: %d calls in %d microseconds, at most %d", r, j-i+1, taken[j]-taken[i], most)
				}
			}
		}
		if _, wait := r.Take(object.Time(now+1_000_000), object.Time(now)); wait > max(r.PerUs, interval) {
			t.Fatalf("%s: a clock that was ahead blocks for %d", r, wait)
		}
	})
}

// TestRateOfMany: many callers of two processes, under children of one capability, pass as often as their parent
// allows. The others are told how long to wait.
func TestRateOfMany(t *testing.T) {
	kv := newMemKV()
	root := rootCap(t, "tool.call:"+hexA+",rate=5/1m")
	child := extend(t, alice, root, caps.Draft{Subject: bob.Agent(), Scope: parse(t, "tool.call:"+hexA+",rate=4/1m")})
	var now atomic.Uint64
	now.Store(uint64(t0))
	clock := func() object.Time { return object.Time(now.Load()) }
	qs := []*Quotas{New(kv, clock), New(kv, clock)}
	round := func() (done int64) {
		var n atomic.Int64
		var wg sync.WaitGroup
		for i := range 20 {
			wg.Go(func() {
				chain := []caps.Chain{root, child}[i/2%2]
				err := qs[i%2].Charge(t.Context(), chain, call(t))
				var d *caps.DeniedError
				switch {
				case err == nil:
					n.Add(1)
				case !errors.As(err, &d) || d.Check != caps.CheckRate || !errors.Is(err, caps.ErrQuota) || d.Wait < time.Second || d.Help == "":
					t.Errorf("%v", err)
				}
			})
		}
		wg.Wait()
		return n.Load()
	}
	for i, want := range []int64{5, 1, 2} {
		if got := round(); got != want {
			t.Fatalf("round %d: %d calls, expected %d", i, got, want)
		}
		now.Add(uint64(12_000_000 * (i + 1)))
	}
	if err := qs[0].Refund(t.Context(), root, call(t)); err != nil {
		t.Fatal(err)
	}
}
