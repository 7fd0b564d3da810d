package decimal

import (
	"math/big"
	"testing"

	"pgregory.net/rapid"
)

// TestDecimalsAreExact compares with rational numbers.
func TestDecimalsAreExact(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.StringMatching(`-?(0|[1-9][0-9]{0,20})(\.[0-9]{1,20})?([eE][+-]?[0-9]{1,2})?`).Draw(t, "number")
		want, ok := new(big.Rat).SetString(text)
		if !ok {
			t.Skip()
		}
		d, ok := Parse(text)
		if !ok {
			t.Fatalf("%s is refused", text)
		}
		got, exact := d.Times(big.NewInt(1000))
		want.Mul(want, big.NewRat(1000, 1))
		floor := new(big.Int).Div(want.Num(), want.Denom()) // Euclidean, for a positive denominator the floor
		if got.Cmp(floor) != 0 || exact != want.IsInt() {
			t.Fatalf("%s times 1000 is %s (%v), expected %s", text, got, exact, want)
		}
	})
}
