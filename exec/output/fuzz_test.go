package output_test

import (
	"bytes"
	"fmt"
	"testing"

	"github.com/mythos-project/mythos/exec/output"
)

// FuzzReported: a tool's reported use is exactly one line of numbers, or nothing; notes repeat it.
func FuzzReported(f *testing.F) {
	f.Add([]byte("x\nused tokens=1 gpu_ms=2\n"))
	f.Add([]byte("used tokens=01 gpu_ms=2"))
	f.Add([]byte("used cost=0"))
	f.Add([]byte("used gpu_ms=4 cost=18446744073709551615"))
	f.Add([]byte("used cost=1 tokens=2"))
	f.Add([]byte("used tokens=99999999999999999999 gpu_ms=0"))
	f.Fuzz(func(t *testing.T, said []byte) {
		use := output.Reported(said)
		for name, n := range map[string]uint64{"tokens": use.Tokens, "gpu_ms": use.GPUms} {
			if n != 0 && !bytes.Contains(said, fmt.Appendf(nil, " %s=%d", name, n)) {
				t.Fatalf("%q reports %d as %s", said, n, name)
			}
		}
		if use.Cost != nil && !bytes.Contains(said, fmt.Appendf(nil, " cost=%d", *use.Cost)) {
			t.Fatalf("%q reports a cost of %d", said, *use.Cost)
		}
		again, price := output.Used(output.WithUse(string(said), use, 7))
		if price != 7 || again.Tokens != use.Tokens || again.GPUms != use.GPUms || (again.Cost == nil) != (use.Cost == nil) || use.Cost != nil && *again.Cost != *use.Cost {
			t.Fatalf("%q: notes say %+v and %d", said, again, price)
		}
	})
}
