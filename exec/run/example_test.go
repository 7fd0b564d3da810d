package run_test

import (
	"context"
	"fmt"

	"github.com/mythos-project/mythos/exec"
	"github.com/mythos-project/mythos/exec/ir/asm"
	"github.com/mythos-project/mythos/exec/run"
	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/store"
	"github.com/mythos-project/mythos/store/memory"
)

// A run leaves a record, from which it can be replayed. A pure task that succeeded is not run again.
func Example() {
	ctx := context.Background()
	db := memory.New()
	x := &run.Executor{Gate: &exec.Gate{Now: func() object.Time { return 1 }}, Store: store.New(db, db), KV: db}
	bundle, err := asm.Assemble([]byte(".task #\"sym:main\" () budget { cpu 100, io 0, writes 0 }\n\tlist r0, 4, 5\n\tget r1, r0, 1\n\tret r1\n"))
	if err != nil {
		panic(err)
	}
	for range 2 {
		res, err := x.Run(ctx, bundle, object.Hash{}, run.Options{})
		if err != nil {
			panic(err)
		}
		again, err := x.Replay(ctx, res.RunID)
		if err != nil {
			panic(err)
		}
		fmt.Println(res.Value.Uint(), res.Memoized, again.ResultHash == res.ResultHash)
	}
	// Output:
	// 5 false true
	// 5 true true
}
