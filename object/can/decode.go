package can

import (
	"fmt"
	"math/bits"
	"reflect"
	"unsafe"
)

// Unmarshal reads data, which must be exactly one canonical value, into the
// value that v points to. Fields of structs that the Go type does not know are
// checked and ignored. Nothing in *v refers to data afterwards. On an error,
// which is an [*Error], *v is unspecified. It panics when v is not a pointer to
// a type that [TypeOf] can map.
func Unmarshal(data []byte, v any) error {
	rv := reflect.ValueOf(v)
	if rv.Kind() != reflect.Pointer || rv.IsNil() {
		panic("can: Unmarshal needs a non-nil pointer")
	}
	r := Reader{buf: data}
	if err := TypeOf(rv.Type().Elem()).read(&r, rv.UnsafePointer()); err != nil {
		return err
	}
	return r.End()
}

// read decodes one value of the type to the memory at p.
func (t *Type) read(r *Reader, p unsafe.Pointer) error {
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
		*(*[]byte)(p) = append(make([]byte, 0, len(b)), b...)
	case KindText:
		b, err := r.Text()
		if err != nil {
			return err
		}
		*(*string)(p) = string(b)
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
		*(*Raw)(p) = append(make(Raw, 0, len(b)), b...)
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
	next := 0 // fields come in plan order, so the expected one is usually next
	var prev []byte
	for range n {
		var f *StructField
		if f, prev, err = t.nextField(r, &next, prev); err != nil {
			return err
		}
		if f == nil {
			if err := r.skip(); err != nil {
				return err
			}
			continue
		}
		seen |= 1 << (next - 1)
		if err := f.read(r, unsafe.Add(p, f.offset)); err != nil {
			return err
		}
	}
	if missing := t.need &^ seen; missing != 0 {
		f := &t.Fields[bits.TrailingZeros64(missing)]
		return r.fail(start, ErrMissing, fmt.Sprintf("field %d (%s)", f.Num, f.Name))
	}
	r.Leave()
	return nil
}

// nextField reads a field's key. The field found is t.Fields[*next-1]; it is nil
// when the type does not know the number.
func (t *Type) nextField(r *Reader, next *int, prev []byte) (*StructField, []byte, error) {
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
	v := reflect.New(f.Type.Go)
	*(*unsafe.Pointer)(p) = v.UnsafePointer()
	return f.Type.read(r, v.UnsafePointer())
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
	list := reflect.MakeSlice(t.Go, n, n)
	first, size := list.UnsafePointer(), t.Elem.Go.Size()
	for i := range n {
		if err := t.Elem.read(r, unsafe.Add(first, uintptr(i)*size)); err != nil {
			return err
		}
	}
	reflect.NewAt(t.Go, p).Elem().Set(list)
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
			return err
		}
		m.SetMapIndex(k.Elem(), v.Elem())
	}
	reflect.NewAt(t.Go, p).Elem().Set(m)
	r.Leave()
	return nil
}
