// Package exec_test compares the virtual machine with well-known interpreters (bench/exec.md).
package exec_test

import (
	"testing"

	"github.com/tetratelabs/wazero"
	"go.starlark.net/starlark"
	"go.starlark.net/syntax"

	"github.com/mythos-project/mythos/exec"
	"github.com/mythos-project/mythos/exec/ir/asm"
	"github.com/mythos-project/mythos/exec/run"
	"github.com/mythos-project/mythos/object"
)

// One iteration of the loop sets a variable to 1, leaves the loop if it is 0, and begins again. A run has this many of
// them; the result includes starting and checking the program.
const iterations = 1_000_000

func perIteration(b *testing.B) {
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/iterations, "ns/iteration")
}

// BenchmarkMythos runs the three ops of an iteration until the budget ends.
func BenchmarkMythos(b *testing.B) {
	raw, err := asm.Assemble([]byte(".symbol main () -> any entry @main\n.task sym:main () budget { cpu 3000000, io 0, writes 0 }\nmain: const r0, 1\njz r0, @end\njmp @main\nend: ret r0"))
	if err != nil {
		b.Fatal(err)
	}
	x := &run.Executor{Gate: &exec.Gate{Now: func() object.Time { return 1 }}}
	for b.Loop() {
		res, err := x.Run(b.Context(), raw, object.Hash{}, run.Options{NoRecord: true})
		if err != nil || res.Spent.CPUus != 3*iterations {
			b.Fatal(res, err)
		}
	}
	perIteration(b)
}

// BenchmarkStarlark runs the loop in go.starlark.net, which also counts iterations.
func BenchmarkStarlark(b *testing.B) {
	opts := &syntax.FileOptions{}
	_, prog, err := starlark.SourceProgramOptions(opts, "loop.star", "def main():\n    for i in range(1000000):\n        x = 1\n        if not x:\n            break\n    return x\n", func(string) bool { return false })
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		thread := &starlark.Thread{}
		globals, err := prog.Init(thread, nil)
		if err != nil {
			b.Fatal(err)
		}
		if _, err := starlark.Call(thread, globals["main"], nil, nil); err != nil {
			b.Fatal(err)
		}
	}
	perIteration(b)
}

// module is a WebAssembly module that exports main(iterations): the loop and, as it must
// end, a counter.
var module = []byte{
	0x00, 0x61, 0x73, 0x6d, 1, 0, 0, 0,
	1, 5, 1, 0x60, 1, 0x7f, 0, // type: (i32) -> ()
	3, 2, 1, 0, // one function
	7, 8, 1, 4, 'm', 'a', 'i', 'n', 0, 0, // exported
	10, 30, 1, 28, 1, 1, 0x7f, // code: one local
	0x02, 0x40, 0x03, 0x40, // block, loop
	0x41, 1, 0x21, 1, // x = 1
	0x20, 1, 0x45, 0x0d, 1, // leave when it is 0
	0x20, 0, 0x41, 1, 0x6b, 0x22, 0, 0x0d, 0, // count down
	0x0b, 0x0b, 0x0b,
}

// BenchmarkWazeroInterpreter runs the loop in wazero's interpreter.
func BenchmarkWazeroInterpreter(b *testing.B) {
	r := wazero.NewRuntimeWithConfig(b.Context(), wazero.NewRuntimeConfigInterpreter())
	defer r.Close(b.Context())
	m, err := r.Instantiate(b.Context(), module)
	if err != nil {
		b.Fatal(err)
	}
	main := m.ExportedFunction("main")
	for b.Loop() {
		if _, err := main.Call(b.Context(), iterations); err != nil {
			b.Fatal(err)
		}
	}
	perIteration(b)
}
