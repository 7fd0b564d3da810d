package ir_test

import (
	"fmt"

	"github.com/mythos-project/mythos/exec/ir"
	"github.com/mythos-project/mythos/exec/ir/asm"
)

// A program is written as text and travels as canonical bytes.
func Example() {
	raw, err := asm.Assemble([]byte(`
.const greeting text "hello"
.task #"sym:main" () budget { cpu 100, io 0, writes 0 }
	const r0, $greeting
	ret r0
`))
	if err != nil {
		fmt.Println(err)
		return
	}
	bundle, _, err := ir.Validate(raw)
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, op := range bundle.Ops.Ops {
		fmt.Println(ir.OpName(op.Opcode), len(op.Operands))
	}
	_, err = asm.Assemble([]byte("\tconst r0, $missing"))
	fmt.Println(err)
	// Output:
	// const 2
	// ret 1
	// line 1, column 12: there is nothing named "missing"
}
