package ingest

import (
	"encoding/json"
	"fmt"
	"math/big"
	"regexp"
	"strconv"
	"strings"

	"github.com/mythos-project/mythos/exec/ir"
	"github.com/mythos-project/mythos/internal/jsontext"
)

// decimal is a decimal number, exactly: digits times ten to the power exp.
type decimal struct {
	digits *big.Int
	exp    int
}

// numberText is a number of JSON. A leading zero is allowed: times in texts have them.
var numberText = regexp.MustCompile(`^(-?)([0-9]+)(?:\.([0-9]+))?(?:[eE]([+-]?[0-9]{1,5}))?$`)

// maxDigits bounds a number, so that one of a few bytes does not take all memory.
const maxDigits = 400

// parseDecimal reads a JSON number; ok is false for anything else, and for a number of
// more than maxDigits digits.
func parseDecimal(text string) (d decimal, ok bool) {
	m := numberText.FindStringSubmatch(text)
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

// times is the number times a factor, rounded down; exact reports that it was whole.
func (d decimal) times(factor *big.Int) (n *big.Int, exact bool) {
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

// wholeOf reads a whole number, in whatever form: 200, 200.0 and 2e2 are the same.
func wholeOf(text string) (*big.Int, bool) {
	d, ok := parseDecimal(strings.TrimSpace(text))
	if !ok {
		return nil, false
	}
	return d.times(big.NewInt(1))
}

// statusOf reads an HTTP-like number, or true and false.
func statusOf(raw json.RawMessage) (uint16, error) {
	text, err := jsontext.PlainText(raw)
	if err != nil {
		return 0, fmt.Errorf("status: %w", err)
	}
	switch strings.ToLower(text) {
	case "", "true", "ok", "success":
		return statusOK, nil
	case "false", "error", "failed":
		return statusFailed, nil
	}
	n, ok := wholeOf(text)
	if !ok || !n.IsUint64() || n.Uint64() > 1<<16-1 {
		return 0, fmt.Errorf("status %s is no whole number from 0 to 65535", jsontext.Describe(raw))
	}
	return uint16(n.Uint64()), nil
}

// scalarOf reads a signal's value, times scale: a text, or a whole number, since the
// protocol knows no fractions. true is 1 and false 0.
func scalarOf(raw json.RawMessage, scale int64) (v ir.Scalar, err error) {
	switch jsontext.Kind(raw) {
	case 't':
		return ir.U64Scalar(uint64(scale)), nil
	case 'f':
		return ir.U64Scalar(0), nil
	case '"':
		text, err := jsontext.TextOf(raw)
		return ir.TextScalar(text), err
	}
	d, ok := parseDecimal(string(raw))
	if !ok {
		return v, fmt.Errorf("%s is no number and no text", jsontext.Describe(raw))
	}
	n, whole := d.times(big.NewInt(scale))
	switch {
	case !whole:
		return v, fmt.Errorf("%s is no whole number, which a signal's value is: scale it in the mapping, such as with scale: 1000", jsontext.Describe(raw))
	case n.IsUint64():
		return ir.U64Scalar(n.Uint64()), nil
	case n.IsInt64():
		return ir.I64Scalar(n.Int64()), nil
	}
	return v, fmt.Errorf("%s does not fit in 64 bits", jsontext.Describe(raw))
}
