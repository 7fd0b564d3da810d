package can

import "unsafe"

// rigid is the layout of a struct whose encoding nearly always has one length: every field is required and is a fixed
// array, a small number or such a struct. A hash is such a struct: reading one is two comparisons and a copy. Input
// that does not match goes through the general code, which finds the fault or the unusual value.
type rigid struct {
	zero  []byte // the encoding of the zero value
	depth int    // containers inside one another
	parts []rigidPart
}

// rigidPart is fixed bytes of the encoding followed by n bytes of memory.
type rigidPart struct {
	fixed  string
	at     int // of the n bytes in the encoding
	n      int
	offset uintptr
	small  bool // the one byte of a uint8 below 0x80
}

// rigidOf returns the layout of t, or nil when it has none.
func rigidOf(t *Type) *rigid {
	l := &rigid{}
	if t.Kind != KindStruct || !l.add(t, nil, 0, 1) {
		return nil
	}
	for i := range l.parts {
		p := &l.parts[i]
		l.zero = append(l.zero, p.fixed...)
		p.at = len(l.zero)
		l.zero = append(l.zero, make([]byte, p.n)...)
	}
	return l
}

// add appends the parts of the value of type t at offset; head is the fixed
// bytes before it.
func (l *rigid) add(t *Type, head []byte, offset uintptr, depth int) bool {
	switch {
	case t.checked && depth > 1: // rules of inner values are for the general code
		return false
	case t.Kind == KindArray:
		head = appendVarint(append(head, TagBytes), uint64(t.Go.Len()))
		l.parts = append(l.parts, rigidPart{fixed: string(head), n: t.Go.Len(), offset: offset})
		return true
	case t.Kind == KindUint && t.bits == 8:
		l.parts = append(l.parts, rigidPart{fixed: string(append(head, TagUint)), n: 1, offset: offset, small: true})
		return true
	case t.Kind != KindStruct || len(t.Fields) == 0:
		return false
	}
	l.depth = max(l.depth, depth)
	head = appendMap(head, len(t.Fields))
	for i := range t.Fields {
		f := &t.Fields[i]
		if f.Optional || !l.add(f.Type, append(head, f.key...), offset+f.offset, depth+1) {
			return false
		}
		head = nil
	}
	return true
}

// read decodes into the memory at p and reports whether the input had the layout. If it had not, read consumes nothing.
func (l *rigid) read(r *Reader, p unsafe.Pointer) bool {
	if len(r.buf)-r.off < len(l.zero) || r.depth+l.depth > MaxDepth {
		return false
	}
	in := r.buf[r.off : r.off+len(l.zero)]
	for i := range l.parts {
		part := &l.parts[i]
		if string(in[:len(part.fixed)]) != part.fixed {
			return false
		}
		in = in[len(part.fixed):]
		if part.small {
			if in[0] >= 0x80 {
				return false
			}
			*(*byte)(unsafe.Add(p, part.offset)) = in[0]
		} else {
			copy(unsafe.Slice((*byte)(unsafe.Add(p, part.offset)), part.n), in)
		}
		in = in[part.n:]
	}
	r.off += len(l.zero)
	return true
}

// write appends the value at p, or reports that it does not have the layout.
func (l *rigid) write(dst []byte, p unsafe.Pointer, depth int) ([]byte, bool) {
	if depth+l.depth > MaxDepth {
		return dst, false
	}
	start := len(dst)
	dst = append(dst, l.zero...)
	for i := range l.parts {
		part := &l.parts[i]
		body := unsafe.Slice((*byte)(unsafe.Add(p, part.offset)), part.n)
		if part.small && body[0] >= 0x80 {
			return dst[:start], false
		}
		copy(dst[start+part.at:], body)
	}
	return dst, true
}
