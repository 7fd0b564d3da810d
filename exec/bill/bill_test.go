package bill_test

import (
	"context"
	"testing"
	"time"

	"github.com/mythos-project/mythos/caps"
	"github.com/mythos-project/mythos/caps/quota"
	"github.com/mythos-project/mythos/caps/scope"
	"github.com/mythos-project/mythos/exec/bill"
	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/object/sign"
	"github.com/mythos-project/mythos/store/kv"
	"github.com/mythos-project/mythos/store/memory"
)

// TestTakenOver: an attempt that resumes another's training returns the unused part of the other's charge, once, and
// only to the charged capability.
func TestTakenOver(t *testing.T) {
	ctx, db, now := t.Context(), memory.New(), object.Time(1_700_000_000_000_000)
	alice, recipe, idem := sign.FromSeed([32]byte{1}, "alice"), object.SumText("recipe"), object.SumText("effect")
	issue := func(tokens uint64) caps.Chain {
		what, err := scope.New(&scope.TrainRun{RecipeID: recipe, MaxJobs: 2, MaxTokens: tokens})
		if err != nil {
			t.Fatal(err)
		}
		link, err := caps.Issue(alice, caps.Draft{Subject: alice.Agent(), Scope: what, NotBefore: now, ExpiresAt: now.Add(time.Hour)})
		if err != nil {
			t.Fatal(err)
		}
		return caps.Chain{link}
	}
	charged, other := issue(1000), issue(2000)
	q := quota.New(db, func() object.Time { return now })
	apply := func(ride quota.Ride) {
		t.Helper()
		put, err := ride(func(key string) ([]byte, error) { return kv.GetOrNil(context.Background(), db, key) })
		if err != nil {
			t.Fatal(err)
		}
		if ok, err := db.Update(ctx, nil, put); err != nil || !ok {
			t.Fatal(ok, err)
		}
	}
	_, ride, err := q.Riding(charged, scope.Use{Kind: scope.KindTrainRun, Recipe: recipe, Jobs: 1, Tokens: 1000}, &quota.Attempt{Idem: idem, Fence: 1})
	if err != nil {
		t.Fatal(err)
	}
	apply(ride)

	for _, c := range []struct {
		offered []caps.Chain
		left    uint64
	}{{[]caps.Chain{other}, 0}, {[]caps.Chain{other, charged}, 700}} {
		b, err := bill.Find(ctx, q, idem, c.offered, other)
		if err != nil {
			t.Fatal(err)
		}
		riders, err := b.Settle(q, bill.Used{Tokens: 300}, &idem)
		if err != nil || len(riders) != 1 {
			t.Fatal(riders, err)
		}
		if c.left > 0 { // the first settlement is not written: it is the one without the capability
			apply(riders[0].Ride)
		}
		left, err := q.Left(ctx, charged)
		if err != nil || left[scope.Tokens] != c.left {
			t.Errorf("%d tokens are left, not %d: %v", left[scope.Tokens], c.left, err)
		}
	}
	if p, err := q.Paid(ctx, idem); err != nil || p != nil {
		t.Errorf("the payment is still there: %v, %v", p, err)
	}
}
