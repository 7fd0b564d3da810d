package quota

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/mythos-project/mythos/caps"
	"github.com/mythos-project/mythos/caps/scope"
	"github.com/mythos-project/mythos/object/sign"
)

func call(t testing.TB) scope.Use {
	return scope.Use{Kind: scope.KindToolCall, Tool: parseHash(t, hexA)}
}

func used(t testing.TB, q *Quotas, chain caps.Chain, link int, of scope.Resource) uint64 {
	t.Helper()
	u, err := q.Used(t.Context(), chain[link].ID)
	if err != nil {
		t.Fatal(err)
	}
	return u[of]
}

func TestQuotaIsChargedToAncestors(t *testing.T) {
	ctx := t.Context()
	root := rootCap(t, "tool.call:"+hexA+",calls=3")
	one := extend(t, alice, root, caps.Draft{Subject: bob.Agent(), Scope: parse(t, "tool.call:"+hexA+",calls=2")})
	two := extend(t, alice, root, caps.Draft{Subject: carol.Agent()})
	kv := newMemKV()
	q := New(kv, clock)
	for _, c := range []caps.Chain{one, two} {
		if err := q.Charge(ctx, c, call(t)); err != nil {
			t.Fatal(err)
		}
	}
	if got := used(t, q, one, 1, scope.Calls); got != 2 {
		t.Errorf("the parent was charged %d", got)
	}
	if left, err := q.Left(ctx, one); err != nil || left[scope.Calls] != 1 {
		t.Errorf("left %v, %v", left, err)
	}
	if err := q.Charge(ctx, one, call(t)); err != nil {
		t.Fatal(err)
	}
	err := q.Charge(ctx, two, call(t))
	wantDenied(t, err, caps.CheckQuota, 1)
	if !errors.Is(err, caps.ErrQuota) {
		t.Error("no ErrQuota")
	}
	if got := used(t, q, two, 0, scope.Calls); got != 1 {
		t.Errorf("a refused charge left %d with the leaf", got)
	}
	if err := New(kv, clock).Refund(ctx, one, call(t)); err != nil { // another process
		t.Fatal(err)
	}
	if err := q.Charge(ctx, two, call(t)); err != nil {
		t.Error(err)
	}
	if err := q.Return(ctx, one, []scope.Amount{{Of: scope.Calls, N: 2}}); err == nil {
		t.Error("more is given back than was charged")
	}
}

func TestQuotaOfEveryResource(t *testing.T) {
	ctx := t.Context()
	h := parseHash(t, hexA)
	for _, c := range []struct {
		scope string
		use   scope.Use
		want  Usage
	}{
		{"blob.write:n,max=10", scope.Use{Kind: scope.KindBlobWrite, Namespace: "n", Size: 6}, Usage{scope.Bytes: 6}},
		{"train.run:" + hexA + ",jobs=1,tokens=10,gpu_ms=5", scope.Use{Kind: scope.KindTrainRun, Recipe: h, Tokens: 4, GPUms: 3}, Usage{scope.Jobs: 1, scope.Tokens: 4, scope.GPUms: 3}},
		{"train.run:" + hexA + ",jobs=9,tokens=10", scope.Use{Kind: scope.KindTrainRun, Recipe: h, Jobs: 5, Tokens: 4, GPUms: 3}, Usage{scope.Jobs: 5, scope.Tokens: 4}},
		{"train.run:" + hexA + ",tokens=7", scope.Use{Kind: scope.KindTrainRun, Recipe: h, Tokens: 4}, Usage{scope.Tokens: 4}},
		{"eval.run:" + hexA + ",runs=1", scope.Use{Kind: scope.KindEvalRun, Suite: h}, Usage{scope.Runs: 1}},
		{"compute.spawn:" + hexA + ",workers=3,cpu=5us,io=7", scope.Use{Kind: scope.KindComputeSpawn, Pool: h, Workers: 2, CPUus: 3, IO: 4}, Usage{scope.Workers: 2, scope.CPUus: 3, scope.IO: 4}},
		{"cell.write:" + hexA + ",events=5", scope.Use{Kind: scope.KindCellWrite, Cell: h, Events: 3}, Usage{scope.Events: 3}},
		{"tool.call:" + hexA + ",calls=1", call(t), Usage{scope.Calls: 1}},
		{"tool.call:" + hexA, call(t), Usage{}},
		{"blob.read:" + hexA, scope.Use{Kind: scope.KindBlobRead, CID: h}, Usage{}},
	} {
		chain := rootCap(t, c.scope)
		kv := newMemKV()
		q := New(kv, clock)
		if err := (&caps.Verifier{Trusted: trustOwner}).Authorize(chain, alice.Agent(), c.use, t0); err != nil {
			t.Fatal(err)
		}
		if err := q.Charge(ctx, chain, c.use); err != nil {
			t.Fatal(err)
		}
		got, err := q.Used(ctx, chain[0].ID)
		if err != nil || !maps.Equal(got, c.want) {
			t.Errorf("%s: used %v, want %v (%v)", c.scope, got, c.want, err)
		}
		if len(c.want) == 0 {
			if kv.updates != 0 {
				t.Errorf("%s: a record is written without need", c.scope)
			}
			continue
		}
		wantDenied(t, q.Charge(ctx, chain, c.use), caps.CheckQuota, 0)
		if err := q.Refund(ctx, chain, c.use); err != nil {
			t.Error(err)
		}
		if err := q.Charge(ctx, chain, c.use); err != nil {
			t.Error(err)
		}
	}
}

// TestQuotaHammer: 64 callers with four Quotas on one store, as four processes would have, charge two leaves of one
// parent; some give back.
func TestQuotaHammer(t *testing.T) {
	const most = 500
	root := rootCap(t, "tool.call:"+hexA+",calls=500")
	leaves := []caps.Chain{
		extend(t, alice, root, caps.Draft{Subject: bob.Agent()}),
		extend(t, alice, root, caps.Draft{Subject: carol.Agent(), Scope: parse(t, "tool.call:"+hexA+",calls=200")}),
	}
	kv := newMemKV()
	var processes []*Quotas
	for range 4 {
		processes = append(processes, New(kv, clock))
	}
	var holding, high [2]atomic.Int64
	var total atomic.Int64
	var wg sync.WaitGroup
	for g := range 64 {
		wg.Go(func() {
			q, which := processes[g%4], g/4%2
			for i := range 40 {
				err := q.Charge(context.Background(), leaves[which], call(t))
				if errors.Is(err, caps.ErrQuota) {
					continue
				}
				if err != nil {
					t.Error(err)
					return
				}
				high[which].Store(max(high[which].Load(), holding[which].Add(1)))
				if total.Add(1) > most || holding[1].Load() > 200 {
					t.Error("overspent")
				}
				if i%4 == 0 {
					total.Add(-1)
					holding[which].Add(-1)
					if err := q.Refund(context.Background(), leaves[which], call(t)); err != nil {
						t.Error(err)
					}
				}
			}
		})
	}
	wg.Wait()
	q := processes[0]
	if got := used(t, q, root, 0, scope.Calls); got != uint64(total.Load()) || got > most {
		t.Errorf("the counter says %d, %d are held", got, total.Load())
	}
	for i, leaf := range leaves {
		if got := used(t, q, leaf, 0, scope.Calls); got != uint64(holding[i].Load()) {
			t.Errorf("leaf %d: the counter says %d, %d are held", i, got, holding[i].Load())
		}
	}
	// The remaining amount can still be used, and no more.
	for left := most - total.Load(); left > 0; left-- {
		if err := q.Charge(context.Background(), root, call(t)); err != nil {
			t.Fatal(err)
		}
	}
	wantDenied(t, q.Charge(context.Background(), root, call(t)), caps.CheckQuota, 0)
}

func TestQuotaFailures(t *testing.T) {
	chain := rootCap(t, "tool.call:"+hexA+",calls=9")
	kv := newMemKV()
	q := New(kv, clock)
	ctx, cancel := context.WithCancel(t.Context())
	kv.before = cancel // the caller leaves while the charge is being written
	if err := q.Charge(ctx, chain, call(t)); err != nil {
		t.Errorf("a charge that was written: %v", err)
	}
	if err := q.Charge(ctx, chain, call(t)); !errors.Is(err, context.Canceled) {
		t.Errorf("a caller that had left: %v", err)
	}
	kv.before = nil
	if got := used(t, q, chain, 0, scope.Calls); got != 1 {
		t.Errorf("charged %d", got)
	}
	// The loser of the race tries again with what the winner left.
	other := New(kv, clock)
	kv.before = func() {
		kv.before = nil
		if err := other.Spend(t.Context(), chain, []scope.Amount{{Of: scope.Calls, N: 8}}); err != nil {
			t.Error(err)
		}
	}
	wantDenied(t, q.Charge(t.Context(), chain, call(t)), caps.CheckQuota, 0)
	kv.m[quotaKey(chain[0].ID)] = []byte{0xff}
	if err := q.Charge(t.Context(), chain, call(t)); err == nil || errors.Is(err, caps.ErrDenied) {
		t.Errorf("a damaged record: %v", err)
	}
	huge := []scope.Amount{{Of: scope.Calls, N: scope.NoLimit64}}
	delete(kv.m, quotaKey(chain[0].ID))
	wantDenied(t, q.Spend(t.Context(), chain, huge), caps.CheckQuota, 0)
}

// TestQuotaOfManyCapabilities: each of more links than fit the cache is charged separately.
func TestQuotaOfManyCapabilities(t *testing.T) {
	q := New(newMemKV(), clock)
	chains := make([]caps.Chain, rememberedLinks+20)
	for i := range chains {
		chains[i] = rootCap(t, fmt.Sprintf("tool.call:%s,calls=%d", hexA, 1+i))
		if err := q.Charge(t.Context(), chains[i], call(t)); err != nil {
			t.Fatal(err)
		}
	}
	for i, chain := range chains {
		if left, err := q.Left(t.Context(), chain); err != nil || left[scope.Calls] != uint64(i) {
			t.Fatalf("capability %d of %d calls: %v left, %v", i, 1+i, left, err)
		}
	}
	wantDenied(t, q.Charge(t.Context(), chains[0], call(t)), caps.CheckQuota, 0)
}

// TestRidingIsCharge: a rider writes over the whole chain what Charge would write, and is refused alike.
func TestRidingIsCharge(t *testing.T) {
	ctx := t.Context()
	root := rootCap(t, "tool.call:"+hexA+",calls=3")
	leaf := extend(t, alice, root, caps.Draft{Subject: bob.Agent(), Scope: parse(t, "tool.call:"+hexA+",calls=2")})
	charged, ridden := newMemKV(), newMemKV()
	q := New(charged, clock)
	for i := range 3 {
		want := q.Charge(ctx, leaf, call(t))
		_, ride, err := New(ridden, clock).Riding(leaf, call(t), nil)
		if err != nil {
			t.Fatal(err)
		}
		var put map[string][]byte
		for range 2 { // only the last call counts
			put, err = ride(func(key string) ([]byte, error) {
				raw, _, err := ridden.Get(ctx, key)
				return raw, err
			})
		}
		if (err == nil) != (i < 2) || fmt.Sprint(err) != fmt.Sprint(want) || errors.Is(err, caps.ErrQuota) != (i == 2) {
			t.Fatalf("charge %d: %v, expected %v", i, err, want)
		}
		if ok, err := ridden.Update(ctx, nil, put); err != nil || !ok {
			t.Fatal(ok, err)
		}
	}
	for key, raw := range charged.m {
		if !bytes.Equal(ridden.m[key], raw) {
			t.Errorf("%s: %x, expected %x", key, ridden.m[key], raw)
		}
	}
	free := rootCap(t, "tool.call:"+hexA)
	_, ride, err := q.Riding(free, call(t), nil)
	if err != nil {
		t.Fatal(err)
	}
	if put, err := ride(nil); err != nil || len(put) != 0 {
		t.Errorf("nothing is limited: %v, %v", put, err)
	}
}

// BenchmarkCharge charges one chain of depth 5 from many goroutines.
func BenchmarkCharge(b *testing.B) {
	chain := rootCap(b, "tool.call:"+hexA+",calls=100")
	for i, key := range []*sign.Key{bob, carol, alice, bob} {
		by := []*sign.Key{alice, bob, carol, alice}[i]
		chain = extend(b, by, chain, caps.Draft{Subject: key.Agent(), Delegable: true})
	}
	q := New(newMemKV(), clock)
	cost := []scope.Amount{{Of: scope.Calls, N: 1}}
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if err := q.Spend(b.Context(), chain, cost); err != nil && b.N < 100 {
				b.Error(err)
			}
		}
	})
}
