package asm_test

import (
	"bytes"
	"fmt"

	"github.com/mythos-project/mythos/exec/ir/asm"
)

// The text of a bundle gives the same bundle.
func Example() {
	bundle, err := asm.Assemble([]byte(`
.const greeting text "hello"
.task #"sym:main" () budget { cpu 100, io 0, writes 0 }
	const r0, $greeting
	ret r0
`))
	if err != nil {
		fmt.Println(err)
		return
	}
	text, err := asm.Disassemble(bundle)
	if err != nil {
		fmt.Println(err)
		return
	}
	again, err := asm.Assemble(text)
	fmt.Println(bytes.Equal(again, bundle), err)
	_, err = asm.Assemble([]byte("ret r0\nret 300 r0"))
	fmt.Println(err)
	// Output:
	// true <nil>
	// line 2, column 9: expected ",", found "r0"
}
