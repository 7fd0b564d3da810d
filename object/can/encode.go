package can

import (
	"bytes"
	"reflect"
	"sync"
	"unsafe"
)

// Marshal returns the canonical encoding of v, a value of a type that [TypeOf]
// can map or a pointer to one. It fails only on text that is not UTF-8, on a
// [Raw] that is not one canonical value, and on more than [MaxDepth] containers
// inside one another.
func Marshal(v any) ([]byte, error) {
	buf := scratch.Get().(*[]byte)
	defer scratch.Put(buf)
	out, err := Append((*buf)[:0], v)
	if err != nil {
		return nil, err
	}
	if cap(out) <= maxScratch {
		*buf = out
	}
	return bytes.Clone(out), nil
}

// scratch holds buffers to encode into, so that a result is allocated once, at
// its length.
var scratch = sync.Pool{New: func() any { return new([]byte) }}

const maxScratch = 1 << 20 // larger buffers are not kept

// Append appends the canonical encoding of v to dst, as [Marshal] does.
func Append(dst []byte, v any) ([]byte, error) {
	rv := reflect.ValueOf(v)
	if rv.Kind() != reflect.Pointer {
		p := reflect.New(rv.Type())
		p.Elem().Set(rv)
		rv = p
	}
	return TypeOf(rv.Type().Elem()).write(dst, rv.UnsafePointer(), 0)
}

// write appends the value at p, which stands inside depth containers.
func (t *Type) write(dst []byte, p unsafe.Pointer, depth int) ([]byte, error) {
	if t.rigid != nil {
		if dst, ok := t.rigid.write(dst, p, depth); ok {
			return dst, nil
		}
	}
	switch t.Kind {
	case KindUint:
		return AppendUint(dst, t.uint(p)), nil
	case KindArray:
		return AppendBytes(dst, unsafe.Slice((*byte)(p), t.Go.Len())), nil
	case KindBytes:
		return AppendBytes(dst, *(*[]byte)(p)), nil
	case KindText:
		return AppendText(dst, *(*string)(p))
	case KindInt:
		return AppendInt(dst, *(*int64)(p)), nil
	case KindBool:
		return AppendBool(dst, *(*bool)(p)), nil
	case KindRaw:
		if err := Validate(*(*Raw)(p)); err != nil {
			return dst, err
		}
		return append(dst, *(*Raw)(p)...), nil
	}
	if depth == MaxDepth {
		return dst, &Error{Offset: len(dst), Reason: ErrDepth}
	}
	switch t.Kind {
	case KindStruct:
		return t.writeStruct(dst, p, depth+1)
	case KindList:
		return t.writeList(dst, p, depth+1)
	default:
		return t.writeMap(dst, p, depth+1)
	}
}

func (t *Type) uint(p unsafe.Pointer) uint64 {
	switch t.bits {
	case 8:
		return uint64(*(*uint8)(p))
	case 16:
		return uint64(*(*uint16)(p))
	case 32:
		return uint64(*(*uint32)(p))
	}
	return *(*uint64)(p)
}

func (t *Type) writeStruct(dst []byte, p unsafe.Pointer, depth int) (_ []byte, err error) {
	n := len(t.Fields)
	for i := range t.Fields {
		if t.optional && t.Fields[i].absent(p) {
			n--
		}
	}
	dst = appendMap(dst, n)
	for i := range t.Fields {
		f := &t.Fields[i]
		if f.absent(p) {
			continue
		}
		at := unsafe.Add(p, f.offset)
		if f.pointer {
			at = *(*unsafe.Pointer)(at)
		}
		dst = append(dst, f.key...)
		if dst, err = f.Type.write(dst, at, depth); err != nil {
			return dst, err
		}
	}
	return dst, nil
}

// absent reports whether the encoding of the struct at p leaves out the optional field.
func (f *StructField) absent(p unsafe.Pointer) bool {
	if !f.Optional {
		return false
	}
	at := unsafe.Add(p, f.offset)
	switch {
	case f.pointer:
		return *(*unsafe.Pointer)(at) == nil
	case f.omit:
		return reflect.NewAt(f.Type.Go, at).Elem().IsZero()
	case f.Type.Kind == KindMap:
		return reflect.NewAt(f.Type.Go, at).Elem().IsNil()
	default: // bytes, lists and raw values: the slice header starts with its pointer
		return *(*unsafe.Pointer)(at) == nil
	}
}

func (t *Type) writeList(dst []byte, p unsafe.Pointer, depth int) (_ []byte, err error) {
	list := (*sliceHeader)(p)
	dst = appendList(dst, list.len)
	size := t.Elem.Go.Size()
	for i := range list.len {
		if dst, err = t.Elem.write(dst, unsafe.Add(list.data, uintptr(i)*size), depth); err != nil {
			return dst, err
		}
	}
	return dst, nil
}

// sliceHeader is the memory of a slice of any type.
type sliceHeader struct {
	data unsafe.Pointer
	len  int
	cap  int
}

func (t *Type) writeMap(dst []byte, p unsafe.Pointer, depth int) ([]byte, error) {
	m := reflect.NewAt(t.Go, p).Elem()
	entries := make([]entry, 0, m.Len())
	for it := m.MapRange(); it.Next(); {
		k, v := reflect.New(t.Key.Go), reflect.New(t.Elem.Go)
		k.Elem().Set(it.Key())
		v.Elem().Set(it.Value())
		key, err := t.Key.write(nil, k.UnsafePointer(), depth)
		if err != nil {
			return dst, err
		}
		val, err := t.Elem.write(nil, v.UnsafePointer(), depth)
		if err != nil {
			return dst, err
		}
		entries = append(entries, entry{key, val})
	}
	return appendEntries(dst, entries)
}
