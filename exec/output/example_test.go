package output_test

import (
	"fmt"

	"github.com/mythos-project/mythos/exec/output"
)

func ExampleTail() {
	t := &output.Tail{Limit: 16}
	fmt.Fprint(t, "token=hunter2 was refused\ncode 7\n")
	fmt.Println(t.Note("it failed"))
	// Output: it failed: code 7
}

func ExampleHead() {
	h := &output.Head{Limit: 4, Full: func() { fmt.Println("the tool is stopped") }}
	fmt.Fprint(h, "four")
	fmt.Printf("%s\n", h.Bytes)
	fmt.Fprint(h, "!")
	fmt.Println(h.Over, len(h.Bytes))
	// Output:
	// four
	// the tool is stopped
	// true 0
}
