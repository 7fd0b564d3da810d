package hold_test

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/mythos-project/mythos/caps"
	"github.com/mythos-project/mythos/exec/hold"
	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/object/sign"
	"github.com/mythos-project/mythos/store"
	"github.com/mythos-project/mythos/store/memory"
)

// A tool is frozen: its calls are refused, other tools' are not.
func Example() {
	dir, err := os.MkdirTemp("", "hold")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(dir)
	ctx, db, alice := context.Background(), memory.New(), sign.FromSeed([32]byte{1}, "alice")
	deploy, count := object.SumText("tool:deploy"), object.SumText("tool:count")
	h := &hold.Holds{KV: db, Objects: store.New(db, db), File: dir + "/FROZEN", Locks: dir, Now: func() object.Time { return 1 },
		Name: func(context.Context, object.Hash) string { return "deploy" }, Who: func(object.AgentID) string { return "alice" }}
	_, inForce, err := h.Make(ctx, alice, hold.Request{Tool: &deploy, Reason: "incident 12"}, true)
	fmt.Println(err, apply(ctx, db, inForce)) // the gate does that with the record of the effect

	_, err = h.Admit(ctx, deploy, []caps.Chain{nil})
	fmt.Println(errors.Is(err, caps.ErrDenied), err)
	_, err = h.Admit(ctx, count, []caps.Chain{nil})
	fmt.Println(err)
	// Output:
	// <nil> <nil>
	// true denied: frozen: tool deploy is frozen since 1970-01-01T00:00:00.000001Z by alice: incident 12
	// <nil>
}
