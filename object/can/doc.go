// Package can implements MYTHOS-CAN, the canonical binary encoding under every
// MYTHOS object (spec/can.md).
//
// A value is one tag byte and a body:
//
//	00 null   01 false   02 true
//	03 unsigned  LEB128, at most 64 bits
//	04 signed    zigzag, then LEB128
//	05 bytes     length (LEB128), bytes
//	06 text      length, UTF-8
//	07 list      count, values
//	08 map       count, (key, value) pairs ascending by encoded key bytes
//
// There are no floats. Every value has exactly one encoding, and the decoder
// refuses every other: over-long integers, trailing bytes, unsorted or repeated
// keys, invalid UTF-8, lengths beyond the input, and more than [MaxDepth]
// containers inside one another. A refusal is an [*Error] that names the byte
// offset and the reason.
//
// A struct is a map from unsigned field number to value. Go structs declare the
// numbers once, in tags:
//
//	type Point struct {
//		X     uint64  `can:"1,x"`
//		Label *string `can:"2,label"` // optional: absent when nil
//	}
//
// [Marshal] and [Unmarshal] follow a plan that is compiled once per type.
// Unknown fields are checked and then ignored; an object's identity is therefore
// always computed over its received bytes, with [Without] cutting out the fields
// that the id leaves out.
package can
