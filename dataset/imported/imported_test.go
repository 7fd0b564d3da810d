package imported

import (
	"bytes"
	"testing"
)

// FuzzOpenTrace: a parsed trace is written, and parses to the same trace.
func FuzzOpenTrace(f *testing.F) {
	f.Add([]byte(`{"form":"chat","calls":[]}`))
	f.Add([]byte(`{"form":"mcp","status":204,"details":{"a":[1.50]},"calls":[{"tool":"t","kind":"model","details":{"b":"<"}}]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		tr, err := OpenTrace(data)
		if err != nil {
			return
		}
		first, err := tr.JSON()
		if err != nil {
			t.Fatal(err)
		}
		again, err := OpenTrace(first)
		if err != nil {
			t.Fatal(err)
		}
		if second, err := again.JSON(); err != nil || !bytes.Equal(first, second) {
			t.Fatalf("%s became %s: %v", first, second, err)
		}
	})
}
