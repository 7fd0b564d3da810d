package mlog

import (
	"bytes"
	"testing"
)

// FuzzWitnessRequest: the parts of a parsed request are bounded and come from it.
func FuzzWitnessRequest(f *testing.F) {
	f.Add([]byte("old 7\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\n\norigin\n9\nx\n"))
	f.Add([]byte("old 0\n\n"))
	f.Add([]byte("old 07\n\nx"))
	f.Add([]byte("origin\n9\nx\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		_, proof, checkpoint, err := parseWitnessRequest(text)
		if err == nil && (len(proof) > 64 || !bytes.HasSuffix(text, checkpoint)) {
			t.Fatalf("%d hashes and %q of %q", len(proof), checkpoint, text)
		}
	})
}
