package can

import (
	"bytes"
	"slices"
)

// Value is any CAN value, for tools that have no struct at hand. The zero Value
// is null.
type Value struct {
	Tag   byte    // one of the Tag constants
	Uint  uint64  // TagUint
	Int   int64   // TagInt
	Bytes []byte  // TagBytes; the UTF-8 of a TagText
	List  []Value // TagList
	Pairs []Pair  // TagMap, in any order
}

// Pair is one entry of a map.
type Pair struct{ Key, Value Value }

// Parse reads data as exactly one canonical value. Byte strings are parts of data.
func Parse(data []byte) (Value, error) {
	r := Reader{buf: data}
	v, err := r.Value()
	if err != nil {
		return Value{}, err
	}
	return v, r.End()
}

// Value reads one value of any type.
func (r *Reader) Value() (v Value, err error) {
	if v.Tag, err = r.Peek(); err != nil {
		return Value{}, err
	}
	switch v.Tag {
	case TagUint:
		v.Uint, err = r.Uint()
	case TagInt:
		v.Int, err = r.Int()
	case TagBytes:
		v.Bytes, err = r.Bytes()
	case TagText:
		v.Bytes, err = r.Text()
	case TagList:
		v.List, err = r.listValue()
	case TagMap:
		v.Pairs, err = r.mapValue()
	default:
		r.off++
	}
	return v, err
}

func (r *Reader) listValue() ([]Value, error) {
	n, err := r.List()
	if err != nil {
		return nil, err
	}
	list := make([]Value, 0, min(n, 64))
	for range n {
		v, err := r.Value()
		if err != nil {
			return nil, err
		}
		list = append(list, v)
	}
	r.Leave()
	return list, nil
}

func (r *Reader) mapValue() ([]Pair, error) {
	n, err := r.Map()
	if err != nil {
		return nil, err
	}
	pairs := make([]Pair, 0, min(n, 64))
	var prev []byte
	for range n {
		start := r.off
		k, err := r.Value()
		if err != nil {
			return nil, err
		}
		key := r.buf[start:r.off]
		if err := r.ordered(prev, key, start); err != nil {
			return nil, err
		}
		prev = key
		v, err := r.Value()
		if err != nil {
			return nil, err
		}
		pairs = append(pairs, Pair{k, v})
	}
	r.Leave()
	return pairs, nil
}

// Append appends the canonical encoding of v to dst. Pairs are sorted; it fails
// on a repeated key, text that is not UTF-8, an unknown tag, and more than
// [MaxDepth] containers inside one another.
func (v Value) Append(dst []byte) ([]byte, error) { return v.append(dst, 0) }

func (v Value) append(dst []byte, depth int) ([]byte, error) {
	switch v.Tag {
	case TagNull, TagFalse, TagTrue:
		return append(dst, v.Tag), nil
	case TagUint:
		return AppendUint(dst, v.Uint), nil
	case TagInt:
		return AppendInt(dst, v.Int), nil
	case TagBytes:
		return AppendBytes(dst, v.Bytes), nil
	case TagText:
		return AppendText(dst, string(v.Bytes))
	}
	if depth == MaxDepth {
		return dst, &Error{Offset: len(dst), Reason: ErrDepth}
	}
	switch v.Tag {
	case TagList:
		return v.appendList(dst, depth+1)
	case TagMap:
		return v.appendMap(dst, depth+1)
	}
	return dst, &Error{Offset: len(dst), Reason: ErrTag}
}

func (v Value) appendList(dst []byte, depth int) (_ []byte, err error) {
	dst = appendList(dst, len(v.List))
	for _, e := range v.List {
		if dst, err = e.append(dst, depth); err != nil {
			return dst, err
		}
	}
	return dst, nil
}

func (v Value) appendMap(dst []byte, depth int) ([]byte, error) {
	entries := make([]entry, 0, len(v.Pairs))
	for _, p := range v.Pairs {
		k, err := p.Key.append(nil, depth)
		if err != nil {
			return dst, err
		}
		val, err := p.Value.append(nil, depth)
		if err != nil {
			return dst, err
		}
		entries = append(entries, entry{k, val})
	}
	return appendEntries(dst, entries)
}

// entry is one encoded pair of a map.
type entry struct{ key, value []byte }

// appendEntries sorts the pairs by encoded key and appends them as a map.
func appendEntries(dst []byte, entries []entry) ([]byte, error) {
	slices.SortFunc(entries, func(a, b entry) int { return bytes.Compare(a.key, b.key) })
	dst = appendMap(dst, len(entries))
	for i, e := range entries {
		if i > 0 && bytes.Equal(entries[i-1].key, e.key) {
			return dst, &Error{Offset: len(dst), Reason: ErrDuplicate}
		}
		dst = append(append(dst, e.key...), e.value...)
	}
	return dst, nil
}

// MapOf encodes pairs of already encoded values as a map: it sorts them by key
// and fails on a repeated key. Keys and values must each be one canonical value.
func MapOf(pairs [][2][]byte) ([]byte, error) {
	entries := make([]entry, len(pairs))
	for i, p := range pairs {
		for _, part := range p {
			if err := Validate(part); err != nil {
				return nil, err
			}
		}
		entries[i] = entry{p[0], p[1]}
	}
	return checked(appendEntries(nil, entries))
}

// ListOf encodes already encoded values as a list. Each must be one canonical value.
func ListOf(values [][]byte) ([]byte, error) {
	dst := appendList(nil, len(values))
	for _, v := range values {
		if err := Validate(v); err != nil {
			return nil, err
		}
		dst = append(dst, v...)
	}
	return checked(dst, nil)
}

// checked refuses containers that nest too deep once they are inside another one.
func checked(data []byte, err error) ([]byte, error) {
	if err != nil {
		return nil, err
	}
	return data, Validate(data)
}
