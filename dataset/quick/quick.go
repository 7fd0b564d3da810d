// Package quick reads fields of canonical bytes whose id was checked.
//
// Evidence was decoded strictly before it was stored, and its id binds every byte. Once the id is checked, fields can
// therefore be read without checking again that the encoding is canonical. Lengths are not trusted: truncated data is
// not found.
package quick

import (
	"bytes"
	"crypto/sha256"

	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/object/can"
)

// Skip is the length of the value at the beginning of raw; 0 if it is truncated.
func Skip(raw []byte) int {
	if len(raw) == 0 {
		return 0
	}
	switch raw[0] {
	case can.TagNull, can.TagFalse, can.TagTrue:
		return 1
	case can.TagBytes, can.TagText:
		n, used := varint(raw[1:])
		if used == 0 || n > uint64(len(raw)-1-used) {
			return 0
		}
		return 1 + used + int(n)
	case can.TagList, can.TagMap:
		return skipAll(raw)
	}
	_, used := varint(raw[1:])
	if used == 0 {
		return 0
	}
	return 1 + used
}

func skipAll(raw []byte) int {
	n, used := varint(raw[1:])
	if used == 0 || n > uint64(len(raw)) {
		return 0
	}
	if raw[0] == can.TagMap {
		n *= 2
	}
	at := 1 + used
	for range n {
		size := Skip(raw[at:])
		if size == 0 {
			return 0
		}
		at += size
	}
	return at
}

func varint(raw []byte) (v uint64, used int) {
	if len(raw) > 0 && raw[0] < 0x80 {
		return uint64(raw[0]), 1
	}
	for i, b := range raw {
		if i == 10 {
			return 0, 0
		}
		v |= uint64(b&0x7f) << (7 * i)
		if b < 0x80 {
			return v, i + 1
		}
	}
	return 0, 0
}

// Field is a field of a struct; nil if there is none.
func Field(raw []byte, num uint32) []byte {
	var found []byte
	Fields(raw, func(n uint64, value []byte) bool {
		if n == uint64(num) {
			found = value
		}
		return found == nil
	})
	return found
}

// Fields calls fn for the fields of a struct until it returns false.
func Fields(raw []byte, fn func(num uint64, value []byte) bool) {
	if len(raw) == 0 || raw[0] != can.TagMap {
		return
	}
	n, used := varint(raw[1:])
	raw = raw[1+used:]
	for ; n > 0 && used > 0 && len(raw) > 1 && raw[0] == can.TagUint; n-- {
		num, keyLen := varint(raw[1:])
		if keyLen == 0 {
			return
		}
		value := raw[1+keyLen:]
		size := Skip(value)
		if size == 0 || !fn(num, value[:size]) {
			return
		}
		raw = value[size:]
	}
}

// hashHead is the beginning of the canonical bytes of a SHA-256; 32 bytes follow.
var hashHead = []byte{can.TagMap, 2, can.TagUint, 1, can.TagUint, 1, can.TagUint, 2, can.TagBytes, 32}

// HashLen is the length of the canonical bytes of a SHA-256. IDLen is that of field 1 of a struct, if it is the
// struct's id.
const (
	HashLen = 10 + 32 // with hashHead
	IDLen   = 2 + HashLen
)

// Hash reads a SHA-256 from its canonical bytes.
func Hash(raw []byte) (h object.Hash, ok bool) {
	if len(raw) != HashLen || !bytes.HasPrefix(raw, hashHead) {
		return h, false
	}
	return object.HashOf([32]byte(raw[len(hashHead):])), true
}

// IsID reports whether the id is the hash of raw without its first field, the id itself, and without its last tail
// bytes, one field each. This is what Rule.ID computes if the struct has its usual form. False means only that this is
// not known.
func IsID(raw []byte, id object.Hash, fields, tail int) bool {
	if len(raw) < 2+IDLen+tail || raw[0] != can.TagMap || raw[1] > 0x7f || int(raw[1]) <= fields || raw[2] != can.TagUint || raw[3] != 1 {
		return false
	}
	if own, ok := Hash(raw[4 : 2+IDLen]); !ok || own != id {
		return false
	}
	var buf [1024]byte
	cut := append(buf[:0], can.TagMap, raw[1]-byte(fields))
	cut = append(cut, raw[2+IDLen:len(raw)-tail]...)
	return sha256.Sum256(cut) == id.Sum
}

// Byte reads an unsigned number below 128 from its canonical bytes.
func Byte(value []byte) (byte, bool) {
	if len(value) != 2 || value[0] != can.TagUint || value[1] > 0x7f {
		return 0, false
	}
	return value[1], true
}

// Bytes reads a byte string from its canonical bytes.
func Bytes(value []byte) ([]byte, bool) {
	if len(value) == 0 || value[0] != can.TagBytes {
		return nil, false
	}
	n, used := varint(value[1:])
	return value[1+used:], used > 0 && n == uint64(len(value)-1-used)
}
