package kvledger_test

import (
	"context"
	"fmt"
	"time"

	"github.com/mythos-project/mythos/ledger"
	"github.com/mythos-project/mythos/ledger/kvledger"
	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/object/sign"
	"github.com/mythos-project/mythos/store/memory"
)

// An effect is registered, happens, and is committed with a receipt. The next caller with its key gets the receipt.
// Anyone who trusts the signer can verify it anywhere.
func Example() {
	ctx := context.Background()
	key := sign.FromSeed([32]byte{1}, "alice")
	now := func() object.Time { return 1_767_322_800_000_000 }
	l := kvledger.Open(memory.New(), key, now)
	tool, request := object.SumText("tool:deploy"), object.SumText("plan")

	d, err := l.Register(ctx, tool, []byte("commit 4f1c"), request, ledger.Policy{Lease: time.Minute})
	fmt.Println(d.Action == ledger.Invoke, err)
	id, raw, err := l.NewReceipt(ledger.Receipt{ToolID: tool, RequestHash: request, ResponseHash: object.SumText("done"),
		IdempotencyKey: d.Key, TimeObserved: now(), Status: 200})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(l.Commit(ctx, d, raw))

	d, err = l.Register(ctx, tool, []byte("commit 4f1c"), request, ledger.Policy{Lease: time.Minute})
	fmt.Println(d.Action == ledger.Replay, err)

	r, again, err := ledger.OpenReceipt(d.Receipt) // checks fields, id and signature
	fmt.Println(r.Status, again == id, r.Signer.Same(key.Agent()), err)
	// Output:
	// true <nil>
	// <nil>
	// true <nil>
	// 200 true true <nil>
}
