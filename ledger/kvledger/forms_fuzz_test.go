package kvledger

import (
	"testing"

	"github.com/mythos-project/mythos/object"
)

// FuzzLeft: an outcome left for those who wait is used only if it was signed.
func FuzzLeft(f *testing.F) {
	f.Add([]byte{0xa0})
	l := &Ledger{}
	f.Fuzz(func(t *testing.T, data []byte) {
		if a := l.openLeft(data, object.SumText("effect"), object.SumText("request")); a != nil {
			t.Fatalf("%+v", a)
		}
	})
}
