package bill_test

import (
	"context"
	"fmt"
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

// A call was charged 10, and its tool reports a cost of 3.
func Example() {
	ctx, db, now := context.Background(), memory.New(), object.Time(1_700_000_000_000_000)
	alice, tool, most := sign.FromSeed([32]byte{1}, "alice"), object.SumText("tool:echo"), uint64(12)
	what, _ := scope.New(&scope.ToolCall{ToolID: tool, MaxCalls: 5, MaxCost: &most})
	link, _ := caps.Issue(alice, caps.Draft{Subject: alice.Agent(), Scope: what, NotBefore: now, ExpiresAt: now.Add(time.Hour)})
	q, chain := quota.New(db, func() object.Time { return now }), caps.Chain{link}
	_ = q.Charge(ctx, chain, scope.Use{Kind: scope.KindToolCall, Tool: tool, Price: 10})

	used := uint64(3)
	riders, _ := bill.Bill{Price: 10, Chain: chain}.Settle(q, bill.Used{Cost: &used}, nil)
	put, _ := riders[0].Ride(func(key string) ([]byte, error) { return kv.GetOrNil(ctx, db, key) })
	_, _ = db.Update(ctx, nil, put)
	left, _ := q.Left(ctx, chain)
	fmt.Println(left[scope.Cost])
	// Output: 9
}
