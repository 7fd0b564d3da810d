package once_test

import (
	"fmt"

	"github.com/mythos-project/mythos/exec/once"
	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/object/can"
)

// A program's output, as in the response of mythos.once.
func Example() {
	raw, err := can.Marshal(&once.Output{
		Stdout: once.Written{Size: 3, Head: []byte("ok\n")}, Stderr: once.Written{Head: []byte{}}, Dir: "/srv", Env: []string{"HOME"},
	})
	if err != nil {
		panic(err)
	}
	out, err := object.Decode[once.Output](raw)
	fmt.Printf("%s%d %v\n", out.Stdout.Head, out.Exit, err)
	// Output:
	// ok
	// 0 <nil>
}
