package layout

import (
	"bytes"
	"testing"
)

// FuzzValues: a stored place of bytes is within bounds, or refused.
func FuzzValues(f *testing.F) {
	f.Add(Spot{Off: 7, N: 9}.Encode())
	f.Add(NewMark(Loose, 12345))
	f.Fuzz(func(t *testing.T, value []byte) {
		if p, err := ParseSpot(value); err == nil {
			if !bytes.Equal(p.Encode(), value) || p.N > MaxSmall {
				t.Fatalf("%+v of %x", p, value)
			}
		}
		if at, ok := SeenLoose(value); ok && !bytes.Equal(NewMark(Loose, at), value) {
			t.Fatalf("%d of %x", at, value)
		}
	})
}
