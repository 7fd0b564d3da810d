package output_test

import (
	"bytes"
	"fmt"
	"testing"

	"github.com/mythos-project/mythos/exec/output"
)

// FuzzReported: what a tool says that it used is exactly one line of two numbers, or nothing.
func FuzzReported(f *testing.F) {
	f.Add([]byte("x\nused tokens=1 gpu_ms=2\n"))
	f.Add([]byte("used tokens=01 gpu_ms=2"))
	f.Add([]byte("used tokens=99999999999999999999 gpu_ms=0"))
	f.Fuzz(func(t *testing.T, said []byte) {
		tokens, gpu := output.Reported(said)
		if (tokens != 0 || gpu != 0) && !bytes.Contains(said, fmt.Appendf(nil, "used tokens=%d gpu_ms=%d", tokens, gpu)) {
			t.Fatalf("%q reports %d and %d", said, tokens, gpu)
		}
	})
}
