package dataset

import (
	"bytes"
	"crypto/sha256"

	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/object/can"
)

// Evidence was decoded strictly before it was kept, and its id binds every byte. Once the
// id is checked, what a query asks for can therefore be found without checking again that
// the encoding is canonical. Nothing here trusts lengths: what is cut short is not found.

// quickSkip is the length of the value at the beginning of raw; 0 when it is cut short.
func quickSkip(raw []byte) int {
	if len(raw) == 0 {
		return 0
	}
	switch raw[0] {
	case can.TagNull, can.TagFalse, can.TagTrue:
		return 1
	case can.TagBytes, can.TagText:
		n, used := quickVarint(raw[1:])
		if used == 0 || n > uint64(len(raw)-1-used) {
			return 0
		}
		return 1 + used + int(n)
	case can.TagList, can.TagMap:
		return quickSkipAll(raw)
	}
	_, used := quickVarint(raw[1:])
	if used == 0 {
		return 0
	}
	return 1 + used
}

func quickSkipAll(raw []byte) int {
	n, used := quickVarint(raw[1:])
	if used == 0 || n > uint64(len(raw)) {
		return 0
	}
	if raw[0] == can.TagMap {
		n *= 2
	}
	at := 1 + used
	for range n {
		size := quickSkip(raw[at:])
		if size == 0 {
			return 0
		}
		at += size
	}
	return at
}

func quickVarint(raw []byte) (v uint64, used int) {
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

// quickField is a field of a struct; nil where there is none.
func quickField(raw []byte, num uint32) []byte {
	var found []byte
	quickFields(raw, func(n uint64, value []byte) bool {
		if n == uint64(num) {
			found = value
		}
		return found == nil
	})
	return found
}

// quickFields calls fn for the fields of a struct until it returns false.
func quickFields(raw []byte, fn func(num uint64, value []byte) bool) {
	if len(raw) == 0 || raw[0] != can.TagMap {
		return
	}
	n, used := quickVarint(raw[1:])
	raw = raw[1+used:]
	for ; n > 0 && used > 0 && len(raw) > 1 && raw[0] == can.TagUint; n-- {
		num, keyLen := quickVarint(raw[1:])
		if keyLen == 0 {
			return
		}
		value := raw[1+keyLen:]
		size := quickSkip(value)
		if size == 0 || !fn(num, value[:size]) {
			return
		}
		raw = value[size:]
	}
}

// hashHead is how the canonical bytes of a SHA-256 begin; 32 bytes follow.
var hashHead = []byte{can.TagMap, 2, can.TagUint, 1, can.TagUint, 1, can.TagUint, 2, can.TagBytes, 32}

// idFieldLen is the length of the field 1 of a struct, where that is its id.
var idFieldLen = 2 + len(hashHead) + 32

// quickHash reads a SHA-256 from its canonical bytes.
func quickHash(raw []byte) (h object.Hash, ok bool) {
	if len(raw) != len(hashHead)+32 || !bytes.HasPrefix(raw, hashHead) {
		return h, false
	}
	return object.HashOf([32]byte(raw[len(hashHead):])), true
}

// quickID reports that the hash of raw without its first field, which is its id, and
// without its last tail bytes, a field each, is the id: what Rule.ID computes, where the
// struct has its usual form. False says nothing.
func quickID(raw []byte, id object.Hash, fields, tail int) bool {
	if len(raw) < 2+idFieldLen+tail || raw[0] != can.TagMap || raw[1] > 0x7f || int(raw[1]) <= fields || raw[2] != can.TagUint || raw[3] != 1 {
		return false
	}
	if own, ok := quickHash(raw[4 : 2+idFieldLen]); !ok || own != id {
		return false
	}
	var buf [1024]byte
	cut := append(buf[:0], can.TagMap, raw[1]-byte(fields))
	cut = append(cut, raw[2+idFieldLen:len(raw)-tail]...)
	return sha256.Sum256(cut) == id.Sum
}

// isEpisode checks the canonical bytes of an episode against its id.
func isEpisode(raw []byte, id object.Hash) bool {
	if quickID(raw, id, 1, 0) {
		return true
	}
	got, err := object.EpisodeRule.ID(raw)
	return err == nil && got == id
}

// signatureLen is the length of the field 8 of a signal with the signature of Ed25519,
// whose key is named.
var signatureLen = len(signatureHead) + len(hashHead) + 32 + 2 + 2 + 64

var signatureHead = []byte{can.TagUint, 8, can.TagMap, 3, can.TagUint, 1, can.TagUint, 1, can.TagUint, 2}

// isSignal checks the canonical bytes of a signal against its id.
func isSignal(raw []byte, id object.Hash) bool {
	if tail := len(raw) - signatureLen; tail > 0 && bytes.HasPrefix(raw[tail:], signatureHead) && quickID(raw, id, 2, signatureLen) {
		return true
	}
	got, err := SignalRule.ID(raw)
	return err == nil && got == id
}

// see reads what most queries ask of a signal that was checked against its id; false when
// it is not in the usual form.
func (s *seenSignal) see(raw []byte) bool {
	s.raw = raw
	have := 0
	quickFields(raw, func(num uint64, value []byte) bool {
		ok := false
		switch num {
		case 1:
			s.ID, ok = quickHash(value)
		case 2:
			s.EpisodeID, ok = quickHash(value)
		case 3:
			s.Type, ok = quickByte(value)
		case 4:
			s.ValueKind, ok = quickByte(value)
		case fieldValue:
			if n, used := quickVarint(value[1:]); value[0] == can.TagBytes && used > 0 && n == uint64(len(value)-1-used) {
				s.Value, ok = value[1+used:], true
			}
		}
		if ok {
			have++
		}
		return ok && have < 5
	})
	return have == 5
}

func quickByte(value []byte) (byte, bool) {
	if len(value) != 2 || value[0] != can.TagUint || value[1] > 0x7f {
		return 0, false
	}
	return value[1], true
}
