package main

import "testing"

// FuzzWeights: weights that are read are written again, or refused; none panic.
func FuzzWeights(f *testing.F) {
	f.Add([]byte("{}\n"))
	f.Fuzz(func(_ *testing.T, data []byte) { _, _ = decode(data, "label") })
}
