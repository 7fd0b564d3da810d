package can

import (
	"math/bits"
	"unicode/utf8"
)

func appendVarint(dst []byte, v uint64) []byte {
	for v >= 0x80 {
		dst = append(dst, byte(v)|0x80)
		v >>= 7
	}
	return append(dst, byte(v))
}

// varintLen is the number of bytes of v in LEB128, 1 to 10.
func varintLen(v uint64) int { return (bits.Len64(v|1) + 6) / 7 }

// AppendNull appends a null to dst.
func AppendNull(dst []byte) []byte { return append(dst, TagNull) }

// AppendBool appends true or false to dst.
func AppendBool(dst []byte, v bool) []byte {
	if v {
		return append(dst, TagTrue)
	}
	return append(dst, TagFalse)
}

// AppendUint appends an unsigned integer to dst.
func AppendUint(dst []byte, v uint64) []byte {
	return appendVarint(append(dst, TagUint), v)
}

// AppendInt appends a signed integer to dst.
func AppendInt(dst []byte, v int64) []byte {
	return appendVarint(append(dst, TagInt), uint64(v)<<1^uint64(v>>63))
}

// AppendBytes appends a byte string to dst.
func AppendBytes(dst, v []byte) []byte {
	return append(appendVarint(append(dst, TagBytes), uint64(len(v))), v...)
}

// AppendText appends a text to dst. It fails when v is not valid UTF-8.
func AppendText(dst []byte, v string) ([]byte, error) {
	if !utf8.ValidString(v) {
		return dst, &Error{Offset: len(dst), Reason: ErrUTF8}
	}
	return append(appendVarint(append(dst, TagText), uint64(len(v))), v...), nil
}

func appendList(dst []byte, n int) []byte {
	return appendVarint(append(dst, TagList), uint64(n))
}

func appendMap(dst []byte, n int) []byte {
	return appendVarint(append(dst, TagMap), uint64(n))
}
