package exec_test

import (
	"context"
	"strconv"
	"sync/atomic"
	"testing"

	"github.com/mythos-project/mythos/exec"
	"github.com/mythos-project/mythos/exec/exectest"
	"github.com/mythos-project/mythos/object"
)

// benchEffect measures the gate's own cost for a keyed effect with a tool that does nothing, over a database in memory.
func benchEffect(b *testing.B, callers int) {
	e := exectest.New(b, 1)
	e.Builtin("test.noop", exec.Builtin{Run: func(context.Context, exec.Call) (exec.Response, error) {
		return exec.Response{Status: exec.StatusOK}, nil
	}})
	chain := e.ToolCap("test.noop", "")
	var n atomic.Int64
	b.SetParallelism(max(1, callers/2))
	run := func() {
		if _, err := e.Gate.Do(b.Context(), effect("test.noop", "request", strconv.FormatInt(n.Add(1), 10), chain)); err != nil {
			b.Error(err)
		}
	}
	b.ResetTimer()
	if callers == 1 {
		for range b.N {
			run()
		}
		return
	}
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			run()
		}
	})
}

func BenchmarkGateKeyed1(b *testing.B)  { benchEffect(b, 1) }
func BenchmarkGateKeyed64(b *testing.B) { benchEffect(b, 64) }

// BenchmarkThreeSignatures is the lower bound for a keyed effect: register, receipt and commit are signed.
func BenchmarkThreeSignatures(b *testing.B) {
	e := exectest.New(b, 1)
	h := object.SumText("id")
	for b.Loop() {
		for range 3 {
			if _, err := e.Key.Sign(h.Sum[:]); err != nil {
				b.Fatal(err)
			}
		}
	}
}
