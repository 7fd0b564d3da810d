package vm

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/mythos-project/mythos/exec/ir"
	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/object/can"
)

// ValueKind says what a Value is.
type ValueKind uint8

// The kinds of value that a register holds.
const (
	ValNull ValueKind = iota
	ValBool
	ValU64
	ValI64
	ValBytes
	ValText
	ValHash
	ValNode
)

var valueNames = [...]string{"null", "bool", "u64", "i64", "bytes", "text", "hash", "node"}

// String is the kind's name.
func (k ValueKind) String() string { return valueNames[k] }

// Value is what a register holds. It never changes. The zero Value is null.
//
// Its canonical encoding (spec/ir.md#values) is the plain MYTHOS-CAN null, bool, unsigned, signed, bytes or text; a
// hash is the struct Hash; a node is the struct {1 type_id Hash, 2 kind u8, 3 fields {u32: value}?, 4 items [value]?}
// with fields for a record and items for a list. Field 1 distinguishes the two: an integer in a hash, a map in a node.
// A value's hash is that of its encoding.
type Value struct {
	kind ValueKind
	num  uint64 // of a bool, u64 or i64
	data []byte // of bytes, text, or a hash's digest
	node *nodeValue
}

// BoolValue is true or false.
func BoolValue(b bool) Value {
	if b {
		return Value{kind: ValBool, num: 1}
	}
	return Value{kind: ValBool}
}

// U64Value is an unsigned integer.
func U64Value(n uint64) Value { return Value{kind: ValU64, num: n} }

// I64Value is a signed integer.
func I64Value(n int64) Value { return Value{kind: ValI64, num: uint64(n)} }

// BytesValue is a byte string. The caller must not change b afterwards.
func BytesValue(b []byte) Value { return Value{kind: ValBytes, data: b} }

// TextValue is a text; s is valid UTF-8.
func TextValue(s string) Value { return Value{kind: ValText, data: []byte(s)} }

// HashValue is a hash.
func HashValue(h object.Hash) Value {
	return Value{kind: ValHash, num: uint64(h.Alg), data: h.Sum[:]}
}

// Kind says what v is.
func (v Value) Kind() ValueKind { return v.kind }

// Uint is the number of a u64 or, as 0 or 1, a bool.
func (v Value) Uint() uint64 { return v.num }

// Int is the number of an i64.
func (v Value) Int() int64 { return int64(v.num) }

// Data is the content of bytes or of a text. It must not be changed.
func (v Value) Data() []byte { return v.data }

// Hash is the value of a hash; the zero Hash for any other kind.
func (v Value) Hash() object.Hash {
	if v.kind != ValHash {
		return object.Hash{}
	}
	return object.Hash{Alg: uint8(v.num), Sum: [32]byte(v.data)}
}

// Falsy reports whether JZ jumps on v: 0, false, null and what is empty.
func (v Value) Falsy() bool {
	switch v.kind {
	case ValBytes, ValText:
		return len(v.data) == 0
	case ValHash:
		return false
	case ValNode:
		return len(v.node.vals) == 0
	}
	return v.num == 0
}

// Equal reports whether both values have the same kind and encoding. It costs at most the size of the smaller encoding.
func (v Value) Equal(o Value) bool {
	if v.kind != o.kind || v.num != o.num || !bytes.Equal(v.data, o.data) {
		return false
	}
	return v.kind != ValNode || v.node.equal(o.node)
}

// Append appends the canonical encoding of v to dst.
func (v Value) Append(dst []byte) []byte {
	switch v.kind {
	case ValBool:
		return can.AppendBool(dst, v.num == 1)
	case ValU64:
		return can.AppendUint(dst, v.num)
	case ValI64:
		return can.AppendInt(dst, int64(v.num))
	case ValBytes:
		return can.AppendBytes(dst, v.data)
	case ValText:
		return append(binary.AppendUvarint(append(dst, can.TagText), uint64(len(v.data))), v.data...)
	case ValHash:
		return appendHash(dst, v.Hash())
	case ValNode:
		return v.node.append(dst)
	}
	return can.AppendNull(dst)
}

// Encode is the canonical encoding of v.
func (v Value) Encode() []byte { return v.Append(make([]byte, 0, v.Size())) }

// Digest is the hash of v's encoding. It does not copy long bytes.
func (v Value) Digest() object.Hash {
	if (v.kind != ValBytes && v.kind != ValText) || len(v.data) <= ir.MaxInline {
		return object.Sum(v.Encode())
	}
	tag := can.TagBytes
	if v.kind == ValText {
		tag = can.TagText
	}
	digest := sha256.New()
	digest.Write(appendHeader(nil, tag, len(v.data)))
	digest.Write(v.data)
	return object.HashOf([32]byte(digest.Sum(nil)))
}

// Size is the length of v's encoding in bytes; it does not walk the value.
func (v Value) Size() int64 {
	switch v.kind {
	case ValU64:
		return 1 + varintLen(v.num)
	case ValI64:
		return 1 + varintLen(v.num<<1^uint64(int64(v.num)>>63))
	case ValBytes, ValText:
		return 1 + varintLen(uint64(len(v.data))) + int64(len(v.data))
	case ValHash:
		return hashSize
	case ValNode:
		return v.node.size
	}
	return 1
}

// depth is the nesting depth of containers in v's encoding.
func (v Value) depth() int {
	switch v.kind {
	case ValHash:
		return 1
	case ValNode:
		return v.node.depth
	}
	return 0
}

const hashSize = 2 + 2 + 2 + 2 + 34 // map of two: 1, algorithm; 2, digest

func appendHash(dst []byte, h object.Hash) []byte {
	dst = appendHeader(dst, can.TagMap, 2)
	dst = can.AppendUint(can.AppendUint(dst, 1), uint64(h.Alg))
	return can.AppendBytes(can.AppendUint(dst, 2), h.Sum[:])
}

func appendHeader(dst []byte, tag byte, n int) []byte {
	return binary.AppendUvarint(append(dst, tag), uint64(n))
}

func varintLen(n uint64) int64 {
	size := int64(1)
	for ; n >= 0x80; n >>= 7 {
		size++
	}
	return size
}

// errValue means that bytes are not an encoded Value.
var errValue = errors.New("not the encoding of a value")

// ParseValue reads the canonical encoding of a value. The value keeps parts of raw.
func ParseValue(raw []byte) (Value, error) {
	c, err := can.Parse(raw)
	if err != nil {
		return Value{}, fmt.Errorf("value: %w", err)
	}
	return fromCAN(c)
}

func fromCAN(c can.Value) (Value, error) {
	switch c.Tag {
	case can.TagNull:
		return Value{}, nil
	case can.TagFalse, can.TagTrue:
		return BoolValue(c.Tag == can.TagTrue), nil
	case can.TagUint:
		return U64Value(c.Uint), nil
	case can.TagInt:
		return I64Value(c.Int), nil
	case can.TagBytes:
		return BytesValue(c.Bytes), nil
	case can.TagText:
		return Value{kind: ValText, data: c.Bytes}, nil
	case can.TagMap:
		if len(c.Pairs) == 2 && c.Pairs[0].Value.Tag == can.TagUint {
			return hashFromCAN(c)
		}
		return nodeFromCAN(c)
	}
	return Value{}, fmt.Errorf("%w: a bare list", errValue)
}

func hashFromCAN(c can.Value) (Value, error) {
	var h object.Hash
	raw, err := c.Append(nil)
	if err != nil {
		return Value{}, err
	}
	if err := can.Unmarshal(raw, &h); err != nil {
		return Value{}, fmt.Errorf("%w: %w", errValue, err)
	}
	if err := h.Check(); err != nil {
		return Value{}, fmt.Errorf("%w: %w", errValue, err)
	}
	return HashValue(h), nil
}
