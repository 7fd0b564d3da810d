// Package decimal reads JSON numbers exactly, without floating point.
package decimal

import (
	"fmt"
	"math/big"
	"regexp"
	"strconv"
	"strings"
	"sync"
)

// Number is a decimal number: digits times ten to the power exp.
type Number struct {
	digits *big.Int
	exp    int
}

// numberText matches a JSON number. A leading zero is allowed, since times in texts have them.
var numberText = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`^(-?)([0-9]+)(?:\.([0-9]+))?(?:[eE]([+-]?[0-9]{1,5}))?$`)
})

// maxDigits bounds a number, so that a few bytes cannot take all memory.
const maxDigits = 400

// Parse reads a JSON number; ok is false for anything else, and for a number of
// more than maxDigits digits.
func Parse(text string) (d Number, ok bool) {
	m := numberText().FindStringSubmatch(text)
	if m == nil || len(m[2])+len(m[3]) > maxDigits {
		return d, false
	}
	if m[4] != "" {
		exp, err := strconv.Atoi(m[4])
		if err != nil {
			return d, false
		}
		d.exp = exp
	}
	d.exp -= len(m[3])
	d.digits, ok = new(big.Int).SetString(m[1]+m[2]+m[3], 10)
	if !ok || d.exp > maxDigits || d.exp < -2*maxDigits {
		return d, ok && d.digits.Sign() == 0
	}
	return d, true
}

// Times returns the number times a factor, rounded down; exact reports whether the product was whole.
func (d Number) Times(factor *big.Int) (n *big.Int, exact bool) {
	n = new(big.Int).Mul(d.digits, factor)
	if n.Sign() == 0 {
		return n, true
	}
	power := new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(max(d.exp, -d.exp))), nil)
	if d.exp >= 0 {
		return n.Mul(n, power), true
	}
	rest := new(big.Int)
	n.DivMod(n, power, rest) // rounds down, since the power is positive
	return n, rest.Sign() == 0
}

// Whole reads a whole number in any form: 200, 200.0 and 2e2 are the same.
func Whole(text string) (*big.Int, bool) {
	d, ok := Parse(strings.TrimSpace(text))
	if !ok {
		return nil, false
	}
	return d.Times(big.NewInt(1))
}

// Thousandth returns the number divided by a thousand.
func (d Number) Thousandth() Number { return Number{d.digits, d.exp - 3} }

// Key is a text that equal numbers share, however they are written: 1.5, 1.50 and 15e-1 have one.
func (d Number) Key() string {
	if d.digits.Sign() == 0 {
		return "0"
	}
	text, exp := d.digits.String(), d.exp
	short := strings.TrimRight(text, "0")
	return fmt.Sprintf("%se%d", short, exp+len(text)-len(short))
}
