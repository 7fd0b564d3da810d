package can

import (
	"reflect"
	"unsafe"
)

// arena allocates the memory that decoded values point to. Small byte strings, texts and pointer-free values of one
// Unmarshal share blocks, so that an object with many of them costs few allocations. Anything larger than a quarter of
// a block has its own memory and keeps nothing else alive.
type arena struct{ free []byte }

const (
	maxBlock = 1024
	align    = 8
)

// alloc returns n zero bytes aligned to 8. left is the most that the rest of the input can still ask for, so that a
// small object gets a small block.
func (a *arena) alloc(n, left int) []byte {
	if n > maxBlock/4 {
		return make([]byte, n)
	}
	n8 := (n + align - 1) &^ (align - 1)
	if n8 > len(a.free) {
		words := make([]uint64, (min(maxBlock, max(n8, left))+align-1)/align)
		a.free = unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(words))), len(words)*align)
	}
	b := a.free[:n:n]
	a.free = a.free[n8:]
	return b
}

// copyOf returns a copy of b, which is never nil.
func (r *Reader) copyOf(b []byte) []byte {
	if len(b) == 0 {
		return []byte{}
	}
	c := r.mem.alloc(len(b), len(b)+len(r.buf)-r.off)
	copy(c, b)
	return c
}

// newValue allocates one zero value of the type.
func (t *Type) newValue(r *Reader) unsafe.Pointer {
	if size := int(t.Go.Size()); t.flat && size > 0 && size <= maxBlock/4 {
		return unsafe.Pointer(unsafe.SliceData(r.mem.alloc(size, size+len(r.buf)-r.off)))
	}
	return reflect.New(t.Go).UnsafePointer()
}

// newList makes the slice at p one of n zero values. n is at least 1.
func (t *Type) newList(r *Reader, p unsafe.Pointer, n int) unsafe.Pointer {
	if size := n * int(t.Elem.Go.Size()); t.Elem.flat && size > 0 && size <= maxBlock/4 {
		mem := unsafe.Pointer(unsafe.SliceData(r.mem.alloc(size, size+len(r.buf)-r.off)))
		*(*sliceHeader)(p) = sliceHeader{mem, n, n}
		return mem
	}
	list := reflect.NewAt(t.Go, p).Elem()
	list.SetZero()
	list.Grow(n)
	list.SetLen(n)
	return list.UnsafePointer()
}

// isFlat tells whether values of t hold no pointers.
func isFlat(t reflect.Type) bool {
	switch t.Kind() {
	case reflect.Array:
		return isFlat(t.Elem())
	case reflect.Struct:
		for i := range t.NumField() {
			if !isFlat(t.Field(i).Type) {
				return false
			}
		}
		return true
	}
	return t.Kind() <= reflect.Complex128 && t.Kind() != reflect.Uintptr
}
