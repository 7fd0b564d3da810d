package can

import (
	"fmt"
	"math/bits"
	"reflect"
	"unsafe"
)

// Unmarshal reads data, which must be exactly one canonical value, into the
// value that v points to, and checks the rules of every [Checker] in it. Fields
// of structs that the Go type does not know are checked and ignored. Nothing in
// *v refers to data afterwards. On an error, which is an [*Error], *v is
// unspecified. It panics when v is not a pointer to a type that [TypeOf] can map.
func Unmarshal(data []byte, v any) error { return unmarshal(Reader{buf: data}, v) }

// UnmarshalUnchecked is Unmarshal without the rules of any [Checker], for code
// that reports every broken rule, not only the first, and runs [Check] itself.
func UnmarshalUnchecked(data []byte, v any) error {
	return unmarshal(Reader{buf: data, unchecked: true}, v)
}

func unmarshal(r Reader, v any) error {
	rv := reflect.ValueOf(v)
	if rv.Kind() != reflect.Pointer || rv.IsNil() {
		panic("can: Unmarshal needs a non-nil pointer")
	}
	if err := TypeOf(rv.Type().Elem()).read(&r, rv.UnsafePointer()); err != nil {
		return err
	}
	return r.End()
}

// read decodes one value of the type to the memory at p and checks its rules.
func (t *Type) read(r *Reader, p unsafe.Pointer) error {
	start := r.off
	if t.rigid == nil || !t.rigid.read(r, p) {
		if err := t.readAny(r, p); err != nil {
			return err
		}
	}
	if !t.checked || r.unchecked {
		return nil
	}
	if err := t.check(p); err != nil {
		return &Error{Offset: start, Reason: fmt.Errorf("%w: %w", ErrInvalid, err)}
	}
	return nil
}

// check runs the rules of the Checker at p.
func (t *Type) check(p unsafe.Pointer) error {
	return reflect.NewAt(t.Go, p).Interface().(Checker).Check()
}

func (t *Type) readAny(r *Reader, p unsafe.Pointer) error {
	switch t.Kind {
	case KindStruct:
		return t.readStruct(r, p)
	case KindUint:
		return t.readUint(r, p)
	case KindArray:
		return t.readArray(r, p)
	case KindBytes:
		b, err := r.Bytes()
		if err != nil {
			return err
		}
		*(*[]byte)(p) = r.copyOf(b)
	case KindText:
		b, err := r.Text()
		if err != nil {
			return err
		}
		b = r.copyOf(b)
		*(*string)(p) = unsafe.String(unsafe.SliceData(b), len(b))
	case KindInt:
		v, err := r.Int()
		if err != nil {
			return err
		}
		*(*int64)(p) = v
	case KindBool:
		v, err := r.Bool()
		if err != nil {
			return err
		}
		*(*bool)(p) = v
	case KindList:
		return t.readList(r, p)
	case KindMap:
		return t.readMap(r, p)
	case KindRaw:
		b, err := r.Skip()
		if err != nil {
			return err
		}
		*(*Raw)(p) = r.copyOf(b)
	}
	return nil
}

func (t *Type) readUint(r *Reader, p unsafe.Pointer) error {
	start := r.off
	v, err := r.Uint()
	if err != nil {
		return err
	}
	if bits.Len64(v) > t.bits {
		return r.fail(start, ErrRange, fmt.Sprintf("%d does not fit %d bits", v, t.bits))
	}
	switch t.bits {
	case 8:
		*(*uint8)(p) = uint8(v)
	case 16:
		*(*uint16)(p) = uint16(v)
	case 32:
		*(*uint32)(p) = uint32(v)
	default:
		*(*uint64)(p) = v
	}
	return nil
}

func (t *Type) readArray(r *Reader, p unsafe.Pointer) error {
	start := r.off
	b, err := r.Bytes()
	if err != nil {
		return err
	}
	n := t.Go.Len()
	if len(b) != n {
		return r.fail(start, ErrRange, fmt.Sprintf("%d bytes, expected %d", len(b), n))
	}
	copy(unsafe.Slice((*byte)(p), n), b)
	return nil
}

func (t *Type) readStruct(r *Reader, p unsafe.Pointer) error {
	start := r.off
	n, err := r.Map()
	if err != nil {
		return err
	}
	var seen uint64
	next := 0 // index of the first field that may follow
	var prev []byte
	for range n {
		f := t.expected(r, &next)
		if f == nil {
			if f, prev, err = t.otherField(r, &next, prev); err != nil {
				return err
			}
		} else {
			prev = f.key
		}
		if f == nil {
			if err := r.skip(); err != nil {
				return err
			}
			continue
		}
		seen |= 1 << (next - 1)
		if err := f.read(r, unsafe.Add(p, f.offset)); err != nil {
			return within(err, f.Name)
		}
	}
	if missing := t.need &^ seen; missing != 0 {
		f := &t.Fields[bits.TrailingZeros64(missing)]
		return r.fail(start, ErrMissing, fmt.Sprintf("field %d (%s)", f.Num, f.Name))
	}
	r.Leave()
	return nil
}

// expected consumes the key of the next known field and returns the field; it skips absent optional fields. When
// another key comes next, it returns nil and consumes nothing. Fields are sorted by encoded key, so such a key is
// always in order.
func (t *Type) expected(r *Reader, next *int) *StructField {
	in := r.buf[r.off:]
	for i := *next; i < len(t.Fields); i++ {
		f := &t.Fields[i]
		if len(in) >= len(f.key) && in[1] == f.key[1] && string(in[:len(f.key)]) == string(f.key) {
			r.off += len(f.key)
			*next = i + 1
			return f
		}
		if !f.Optional {
			break
		}
	}
	return nil
}

// otherField reads the key of a field that was not expected. It returns nil when the type does not know the number, and
// otherwise t.Fields[*next-1].
func (t *Type) otherField(r *Reader, next *int, prev []byte) (*StructField, []byte, error) {
	num, key, err := r.fieldKey(prev)
	if err != nil {
		return nil, nil, err
	}
	f, ok := t.FieldByNum(num)
	if !ok {
		return nil, key, nil
	}
	*next = t.byNum[num] + 1
	return f, key, nil
}

func (f *StructField) read(r *Reader, p unsafe.Pointer) error {
	if !f.pointer {
		return f.Type.read(r, p)
	}
	v := f.Type.newValue(r)
	*(*unsafe.Pointer)(p) = v
	return f.Type.read(r, v)
}

func (t *Type) readList(r *Reader, p unsafe.Pointer) error {
	at := r.off
	n, err := r.List()
	if err != nil {
		return err
	}
	if left := len(r.buf) - r.off; n > left/t.Elem.minSize {
		return r.fail(at, ErrLength, fmt.Sprintf("%d values of at least %d bytes announced, %d bytes left", n, t.Elem.minSize, left))
	}
	if n == 0 {
		reflect.NewAt(t.Go, p).Elem().Set(reflect.MakeSlice(t.Go, 0, 0))
	} else {
		first, size := t.newList(r, p, n), t.Elem.Go.Size()
		for i := range n {
			if err := t.Elem.read(r, unsafe.Add(first, uintptr(i)*size)); err != nil {
				return within(err, fmt.Sprintf("[%d]", i))
			}
		}
	}
	r.Leave()
	return nil
}

func (t *Type) readMap(r *Reader, p unsafe.Pointer) error {
	n, err := r.Map()
	if err != nil {
		return err
	}
	m := reflect.MakeMapWithSize(t.Go, min(n, 64))
	var prev []byte
	for range n {
		start := r.off
		k, v := reflect.New(t.Key.Go), reflect.New(t.Elem.Go)
		if err := t.Key.read(r, k.UnsafePointer()); err != nil {
			return err
		}
		key := r.buf[start:r.off]
		if err := r.ordered(prev, key, start); err != nil {
			return err
		}
		prev = key
		if err := t.Elem.read(r, v.UnsafePointer()); err != nil {
			return within(err, fmt.Sprintf("[%v]", k.Elem()))
		}
		m.SetMapIndex(k.Elem(), v.Elem())
	}
	reflect.NewAt(t.Go, p).Elem().Set(m)
	r.Leave()
	return nil
}
