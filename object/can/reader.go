package can

import (
	"bytes"
	"fmt"
	"unicode/utf8"
)

// The tags of spec/can.md.
const (
	TagNull  byte = 0x00
	TagFalse byte = 0x01
	TagTrue  byte = 0x02
	TagUint  byte = 0x03
	TagInt   byte = 0x04
	TagBytes byte = 0x05
	TagText  byte = 0x06
	TagList  byte = 0x07
	TagMap   byte = 0x08
)

// MaxDepth is how deep containers (lists and maps) may nest. Scalars do not count.
const MaxDepth = 64

var tagNames = [...]string{"null", "false", "true", "unsigned", "signed", "bytes", "text", "list", "map"}

func tagName(t byte) string {
	if int(t) < len(tagNames) {
		return tagNames[t]
	}
	return fmt.Sprintf("tag %#02x", t)
}

// Reader reads canonical values one after the other from a byte slice. Its
// methods return subslices of the input and allocate nothing. The zero Reader
// is at the end of an empty input.
type Reader struct {
	buf   []byte
	off   int
	depth int
	mem   arena // of the values that Unmarshal makes

	unchecked bool // Unmarshal leaves the rules of Checkers to the caller
}

// NewReader returns a Reader at the start of data.
func NewReader(data []byte) *Reader { return &Reader{buf: data} }

// Offset is the position of the next unread byte.
func (r *Reader) Offset() int { return r.off }

// End reports an error unless the whole input was read.
func (r *Reader) End() error {
	if r.off != len(r.buf) {
		return r.fail(r.off, ErrTrailing, "")
	}
	return nil
}

// Peek returns the tag of the next value without reading it.
func (r *Reader) Peek() (byte, error) {
	if r.off >= len(r.buf) {
		return 0, r.fail(r.off, ErrTruncated, "")
	}
	t := r.buf[r.off]
	if t > TagMap {
		return 0, r.fail(r.off, ErrTag, fmt.Sprintf("%#02x", t))
	}
	return t, nil
}

func (r *Reader) fail(off int, reason error, detail string) error {
	return &Error{Offset: off, Reason: reason, Detail: detail}
}

// want consumes the tag t or fails with a type error.
func (r *Reader) want(t byte) error {
	if r.off < len(r.buf) && r.buf[r.off] == t {
		r.off++
		return nil
	}
	got, err := r.Peek()
	if err != nil {
		return err
	}
	return r.fail(r.off, ErrType, "expected "+tagName(t)+", found "+tagName(got))
}

// varint reads a minimal LEB128 integer of at most 64 bits.
func (r *Reader) varint() (uint64, error) {
	if r.off < len(r.buf) && r.buf[r.off] < 0x80 {
		r.off++
		return uint64(r.buf[r.off-1]), nil
	}
	var v uint64
	for i := 0; ; i++ {
		if r.off+i >= len(r.buf) {
			return 0, r.fail(r.off, ErrTruncated, "")
		}
		b := r.buf[r.off+i]
		if i == 9 && b > 1 {
			return 0, r.fail(r.off, ErrVarint, "")
		}
		v |= uint64(b&0x7f) << (7 * i)
		if b < 0x80 {
			if b == 0 && i > 0 {
				return 0, r.fail(r.off, ErrVarint, "")
			}
			r.off += i + 1
			return v, nil
		}
	}
}

// Null reads a null.
func (r *Reader) Null() error { return r.want(TagNull) }

// Bool reads true or false.
func (r *Reader) Bool() (bool, error) {
	t, err := r.Peek()
	if err != nil {
		return false, err
	}
	if t != TagFalse && t != TagTrue {
		return false, r.fail(r.off, ErrType, "expected bool, found "+tagName(t))
	}
	r.off++
	return t == TagTrue, nil
}

// Uint reads an unsigned integer.
func (r *Reader) Uint() (uint64, error) {
	if err := r.want(TagUint); err != nil {
		return 0, err
	}
	return r.varint()
}

// Int reads a signed integer.
func (r *Reader) Int() (int64, error) {
	if err := r.want(TagInt); err != nil {
		return 0, err
	}
	u, err := r.varint()
	return int64(u>>1) ^ -int64(u&1), err
}

// Bytes reads a byte string. The result is a part of the input.
func (r *Reader) Bytes() ([]byte, error) {
	if err := r.want(TagBytes); err != nil {
		return nil, err
	}
	return r.body()
}

// Text reads a text as bytes that are valid UTF-8. The result is a part of the input.
func (r *Reader) Text() ([]byte, error) {
	start := r.off
	if err := r.want(TagText); err != nil {
		return nil, err
	}
	b, err := r.body()
	if err != nil {
		return nil, err
	}
	if !utf8.Valid(b) {
		return nil, r.fail(start, ErrUTF8, "")
	}
	return b, nil
}

func (r *Reader) body() ([]byte, error) {
	start := r.off
	n, err := r.varint()
	if err != nil {
		return nil, err
	}
	if n > uint64(len(r.buf)-r.off) {
		return nil, r.fail(start, ErrLength, fmt.Sprintf("%d bytes announced, %d left", n, len(r.buf)-r.off))
	}
	b := r.buf[r.off : r.off+int(n) : r.off+int(n)]
	r.off += int(n)
	return b, nil
}

// List enters a list and returns the number of its values. Each List is
// followed by that many reads and one Leave.
func (r *Reader) List() (int, error) { return r.enter(TagList, 1) }

// Map enters a map and returns the number of its pairs. Keys are read with Key,
// which checks their order; each Map is closed by one Leave.
func (r *Reader) Map() (int, error) { return r.enter(TagMap, 2) }

func (r *Reader) enter(tag byte, least int) (int, error) {
	start := r.off
	if err := r.want(tag); err != nil {
		return 0, err
	}
	if r.depth == MaxDepth {
		return 0, r.fail(start, ErrDepth, "")
	}
	at := r.off
	n, err := r.varint()
	if err != nil {
		return 0, err
	}
	if n > uint64((len(r.buf)-r.off)/least) {
		return 0, r.fail(at, ErrLength, fmt.Sprintf("%d values announced, %d bytes left", n, len(r.buf)-r.off))
	}
	r.depth++
	return int(n), nil
}

// Leave ends the container that List or Map entered.
func (r *Reader) Leave() { r.depth-- }

// Skip reads one value of any type, checks it wholly and returns its encoding.
func (r *Reader) Skip() ([]byte, error) {
	start := r.off
	if err := r.skip(); err != nil {
		return nil, err
	}
	return r.buf[start:r.off:r.off], nil
}

func (r *Reader) skip() error {
	t, err := r.Peek()
	if err != nil {
		return err
	}
	switch t {
	case TagUint, TagInt:
		r.off++
		_, err = r.varint()
		return err
	case TagBytes:
		_, err = r.Bytes()
		return err
	case TagText:
		_, err = r.Text()
		return err
	case TagList:
		return r.skipList()
	case TagMap:
		return r.skipMap()
	}
	r.off++
	return nil
}

func (r *Reader) skipList() error {
	n, err := r.List()
	if err != nil {
		return err
	}
	for range n {
		if err := r.skip(); err != nil {
			return err
		}
	}
	r.Leave()
	return nil
}

func (r *Reader) skipMap() error {
	n, err := r.Map()
	if err != nil {
		return err
	}
	var prev []byte
	for range n {
		if prev, err = r.Key(prev); err != nil {
			return err
		}
		if err := r.skip(); err != nil {
			return err
		}
	}
	r.Leave()
	return nil
}

// Key reads a map key of any type and returns its encoding. prev is the
// encoding of the key before it in the same map, nil for the first.
func (r *Reader) Key(prev []byte) ([]byte, error) {
	start := r.off
	key, err := r.Skip()
	if err != nil {
		return nil, err
	}
	return key, r.ordered(prev, key, start)
}

func (r *Reader) ordered(prev, key []byte, at int) error {
	if prev == nil {
		return nil
	}
	switch bytes.Compare(prev, key) {
	case 0:
		return r.fail(at, ErrDuplicate, "")
	case 1:
		return r.fail(at, ErrOrder, "")
	}
	return nil
}

// Validate checks that data is exactly one canonical value of any type.
func Validate(data []byte) error {
	r := Reader{buf: data}
	if err := r.skip(); err != nil {
		return err
	}
	return r.End()
}
