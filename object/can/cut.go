package can

import "fmt"

// Mask names fields of a struct, for [Without]. A nil entry removes the whole field. Any other entry goes into the
// field's value, a struct or a list of structs, and removes the fields named there.
type Mask map[uint64]Mask

// Without returns the canonical struct data without the fields in mask. An absent field is not an error; unknown fields
// stay. Ids and signatures are computed over received bytes this way (spec/objects.md#ids).
func Without(data []byte, mask Mask) ([]byte, error) {
	r := Reader{buf: data}
	out, err := without(&r, make([]byte, 0, len(data)), mask)
	if err != nil {
		return nil, err
	}
	return out, r.End()
}

func without(r *Reader, dst []byte, mask Mask) ([]byte, error) {
	if t, err := r.Peek(); err != nil {
		return nil, err
	} else if t == TagList {
		return withoutEach(r, dst, mask)
	}
	n, err := r.Map()
	if err != nil {
		return nil, err
	}
	start := len(dst)
	dst = appendMap(dst, n) // of all fields; recount corrects the number
	head := len(dst)
	kept := 0
	var prev []byte
	for range n {
		num, key, err := r.fieldKey(prev)
		if err != nil {
			return nil, err
		}
		prev = key
		inner, named := mask[num]
		if named && inner == nil {
			if _, err := r.Skip(); err != nil {
				return nil, err
			}
			continue
		}
		kept++
		dst = append(dst, key...)
		if named {
			dst, err = without(r, dst, inner)
		} else {
			var v []byte
			v, err = r.Skip()
			dst = append(dst, v...)
		}
		if err != nil {
			return nil, err
		}
	}
	r.Leave()
	return recount(dst, start, head, kept), nil
}

// recount writes n as the number of fields of the map whose header is dst[start:head]. n is at most the number that the
// header has now.
func recount(dst []byte, start, head, n int) []byte {
	var room [11]byte
	header := appendMap(room[:0], n)
	end := start + copy(dst[start:head], header)
	if end == head {
		return dst
	}
	return append(dst[:end], dst[head:]...)
}

func withoutEach(r *Reader, dst []byte, mask Mask) ([]byte, error) {
	n, err := r.List()
	if err != nil {
		return nil, err
	}
	dst = appendList(dst, n)
	for range n {
		if dst, err = without(r, dst, mask); err != nil {
			return nil, err
		}
	}
	r.Leave()
	return dst, nil
}

// fieldKey reads a struct's next key: its number and its encoding.
func (r *Reader) fieldKey(prev []byte) (uint64, []byte, error) {
	start := r.off
	num, err := r.Uint()
	if err != nil {
		return 0, nil, err
	}
	key := r.buf[start:r.off]
	return num, key, r.ordered(prev, key, start)
}

// Field returns the encoding of one field of the canonical struct data, or nil
// when it is absent.
func Field(data []byte, num uint64) ([]byte, error) {
	r := Reader{buf: data}
	n, err := r.Map()
	if err != nil {
		return nil, err
	}
	var prev, found []byte
	for range n {
		k, key, err := r.fieldKey(prev)
		if err != nil {
			return nil, err
		}
		prev = key
		v, err := r.Skip()
		if err != nil {
			return nil, err
		}
		if k == num {
			found = v
		}
	}
	r.Leave()
	return found, r.End()
}

// FieldNumberError reports a struct tag that declares no valid field number; it
// is a programming error that [TypeOf] panics with.
type FieldNumberError struct{ Struct, Field, Tag string }

func (e *FieldNumberError) Error() string {
	return fmt.Sprintf("can: struct %s, field %s: bad tag %q", e.Struct, e.Field, e.Tag)
}
