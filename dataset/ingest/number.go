package ingest

import (
	"encoding/json"
	"fmt"
	"math/big"
	"strings"

	"github.com/mythos-project/mythos/dataset/ingest/foreign"
	"github.com/mythos-project/mythos/exec/ir"
	"github.com/mythos-project/mythos/internal/decimal"
	"github.com/mythos-project/mythos/internal/jsontext"
)

// statusOf reads an HTTP-like number, or true and false.
func statusOf(raw json.RawMessage) (uint16, error) {
	text, err := jsontext.PlainText(raw)
	if err != nil {
		return 0, fmt.Errorf("status: %w", err)
	}
	switch strings.ToLower(text) {
	case "", "true", "ok", "success":
		return foreign.StatusOK, nil
	case "false", "error", "failed":
		return foreign.StatusFailed, nil
	}
	n, ok := decimal.Whole(text)
	if !ok || !n.IsUint64() || n.Uint64() > 1<<16-1 {
		return 0, fmt.Errorf("status %s is not a whole number from 0 to 65535", jsontext.Describe(raw))
	}
	return uint16(n.Uint64()), nil
}

// scalarOf reads a signal's value, times scale: a text, or an integer, because the protocol has no fractions. true is 1
// and false 0.
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
	d, ok := decimal.Parse(string(raw))
	if !ok {
		return v, fmt.Errorf("%s is neither a number nor text", jsontext.Describe(raw))
	}
	n, whole := d.Times(big.NewInt(scale))
	switch {
	case !whole:
		return v, fmt.Errorf("%s is not a whole number, which a signal's value is: scale it in the mapping, such as with scale: 1000", jsontext.Describe(raw))
	case n.IsUint64():
		return ir.U64Scalar(n.Uint64()), nil
	case n.IsInt64():
		return ir.I64Scalar(n.Int64()), nil
	}
	return v, fmt.Errorf("%s does not fit in 64 bits", jsontext.Describe(raw))
}
