package ir

import (
	"cmp"
	"encoding/hex"
	"fmt"
	"strconv"

	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/object/can"
)

// Scalar is one number, byte string, text, hash or bool. It is comparable: two scalars are equal (==) exactly if kind
// and value are. The zero Scalar has no value.
type Scalar struct {
	kind uint8
	num  uint64 // of a number or bool; of a hash its algorithm
	data string // of bytes, text, or a hash's digest
}

// I64Scalar is a signed number.
func I64Scalar(n int64) Scalar { return Scalar{kind: KindI64, num: uint64(n)} }

// U64Scalar is an unsigned number.
func U64Scalar(n uint64) Scalar { return Scalar{kind: KindU64, num: n} }

// BytesScalar is a byte string.
func BytesScalar(b []byte) Scalar { return Scalar{kind: KindBytes, data: string(b)} }

// TextScalar is a text; s is valid UTF-8.
func TextScalar(s string) Scalar { return Scalar{kind: KindText, data: s} }

// HashScalar is a hash.
func HashScalar(h object.Hash) Scalar {
	return Scalar{kind: KindHash, num: uint64(h.Alg), data: string(h.Sum[:])}
}

// BoolScalar is true or false.
func BoolScalar(b bool) Scalar {
	if b {
		return Scalar{kind: KindBool, num: 1}
	}
	return Scalar{kind: KindBool}
}

// Kind is KindI64 to KindBool; 0 for the zero Scalar.
func (s Scalar) Kind() uint8 { return s.kind }

// Int is the number of an i64.
func (s Scalar) Int() int64 { return int64(s.num) }

// Uint is the number of a u64 or, as 0 or 1, a bool.
func (s Scalar) Uint() uint64 { return s.num }

// Data is the content of bytes or of a text.
func (s Scalar) Data() string { return s.data }

// Hash is the value of a hash; the zero Hash for any other kind.
func (s Scalar) Hash() object.Hash {
	if s.kind != KindHash || len(s.data) != 32 {
		return object.Hash{}
	}
	return object.Hash{Alg: uint8(s.num), Sum: [32]byte([]byte(s.data))}
}

// Compare orders two scalars of the same kind: numbers by value, bytes and text
// by bytes, hashes by algorithm, then bytes, false before true. ok is false for
// different kinds, which have no order.
func (s Scalar) Compare(o Scalar) (order int, ok bool) {
	if s.kind != o.kind || s.kind == 0 {
		return 0, false
	}
	if s.kind == KindI64 {
		return cmp.Compare(int64(s.num), int64(o.num)), true
	}
	return cmp.Or(cmp.Compare(s.num, o.num), cmp.Compare(s.data, o.data)), true
}

// Encode is the canonical encoding of the value, as in a Signal's value_bytes and in the key of a stratum. It fails on
// a text that is not UTF-8 and on the zero Scalar.
func (s Scalar) Encode() ([]byte, error) {
	switch s.kind {
	case KindI64:
		return can.AppendInt(nil, int64(s.num)), nil
	case KindU64:
		return can.AppendUint(nil, s.num), nil
	case KindBytes:
		return can.AppendBytes(nil, []byte(s.data)), nil
	case KindText:
		return can.AppendText(nil, s.data)
	case KindHash:
		h := s.Hash()
		return can.Marshal(&h)
	case KindBool:
		return can.AppendBool(nil, s.num == 1), nil
	}
	return nil, fmt.Errorf("%w: the zero scalar has no encoding", object.ErrInvalid)
}

// ParseScalar reads the canonical encoding of a value of the given kind, as a
// Signal's value_kind and value_bytes have it.
func ParseScalar(kind uint8, raw []byte) (Scalar, error) {
	s, err := parseScalar(kind, can.NewReader(raw), raw)
	if err != nil {
		return Scalar{}, fmt.Errorf("value of kind %d: %w", kind, err)
	}
	return s, nil
}

func parseScalar(kind uint8, r *can.Reader, raw []byte) (s Scalar, err error) {
	switch kind {
	case KindI64:
		var n int64
		n, err = r.Int()
		s = I64Scalar(n)
	case KindU64:
		var n uint64
		n, err = r.Uint()
		s = U64Scalar(n)
	case KindBytes:
		var b []byte
		b, err = r.Bytes()
		s = BytesScalar(b)
	case KindText:
		var b []byte
		b, err = r.Text()
		s = TextScalar(string(b))
	case KindHash:
		h, err := object.Decode[object.Hash](raw)
		if err != nil {
			return Scalar{}, err
		}
		return HashScalar(*h), nil
	case KindBool:
		var b bool
		b, err = r.Bool()
		s = BoolScalar(b)
	default:
		return Scalar{}, fmt.Errorf("%w: no such kind", object.ErrInvalid)
	}
	if err != nil {
		return Scalar{}, err
	}
	return s, r.End()
}

// Scalar is the constant's value. The constant must be valid (see Check).
func (c Const) Scalar() Scalar {
	switch {
	case c.Kind == KindI64 && c.I64 != nil:
		return I64Scalar(*c.I64)
	case c.Kind == KindU64 && c.U64 != nil:
		return U64Scalar(*c.U64)
	case c.Kind == KindBytes:
		return BytesScalar(c.Bytes)
	case c.Kind == KindText && c.Text != nil:
		return TextScalar(*c.Text)
	case c.Kind == KindHash && c.Hash != nil:
		return HashScalar(*c.Hash)
	}
	return Scalar{}
}

// Scalar is the value of an operand that is an inline scalar or refers to one of
// consts; ok is false for any other operand.
func (o Operand) Scalar(consts []Const) (s Scalar, ok bool) {
	switch {
	case o.Kind == OperandU64 && o.U64 != nil:
		return U64Scalar(*o.U64), true
	case o.Kind == OperandI64 && o.I64 != nil:
		return I64Scalar(*o.I64), true
	case o.Kind == OperandHash && o.Hash != nil:
		return HashScalar(*o.Hash), true
	case o.Kind == OperandConstRef && o.ConstRef != nil && uint64(*o.ConstRef) < uint64(len(consts)):
		s = consts[*o.ConstRef].Scalar()
		return s, s.kind != 0
	}
	return Scalar{}, false
}

// String formats the value for people.
func (s Scalar) String() string {
	switch s.kind {
	case KindI64:
		return strconv.FormatInt(int64(s.num), 10)
	case KindU64:
		return strconv.FormatUint(s.num, 10)
	case KindBytes, KindHash:
		return hex.EncodeToString([]byte(s.data))
	case KindText:
		return strconv.Quote(s.data)
	case KindBool:
		return strconv.FormatBool(s.num == 1)
	}
	return "none"
}
