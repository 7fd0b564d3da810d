package vector

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"unsafe"

	"github.com/mythos-project/mythos/internal/atomicfile"
)

// ErrDamaged means that a file is not an index, or has another version.
var ErrDamaged = errors.New("not an index of vectors")

// The file has a header of 128 bytes, and then, each beginning at a multiple of 64 bytes: a key
// for each row, the centre, the codes, and the rows. Numbers are little-endian.
//
//	0 magic · 8 dimension u32 · 12 size of a key u32 · 16 rows u64 · 24 enough u64
//	32 recall, as float64 · 40 1 where there are codes, u32 · 64 tag
const (
	magic      = "mythvec\x02"
	headerSize = 128
	section    = 64
	tagAt      = 64
	tagSize    = 32
)

// layout says where the parts of a file lie.
type layout struct {
	rows, key, dim                            int
	coded                                     bool
	keysAt, centreAt, codesAt, rowsAt, length int
}

func layOut(rows, key, dim int, coded bool) layout {
	l := layout{rows: rows, key: key, dim: dim, coded: coded}
	at := headerSize
	next := func(size int) int {
		from := at
		at += (size + section - 1) / section * section
		return from
	}
	l.keysAt = next(rows * key)
	if coded {
		l.centreAt, l.codesAt = next(4*stride(dim)), next(8*words(dim)*rows)
	}
	l.rowsAt = next(4 * stride(dim) * rows)
	l.length = at
	return l
}

// Write writes an index to a file, with a tag of at most 32 bytes that says what it belongs to, and a key for each row,
// all of one size.
func Write(name string, x *Index, tag []byte, keys []byte) error {
	l := layOut(x.Len(), 0, x.dim, x.Coded())
	if x.Len() > 0 {
		l = layOut(x.Len(), len(keys)/x.Len(), x.dim, x.Coded())
	}
	return atomicfile.WriteFrom(name, 0o600, func(w io.Writer) error {
		b := bufio.NewWriterSize(w, 1<<20)
		at := 0
		put := func(data []byte) {
			n, _ := b.Write(data) // an error persists and is returned by Flush
			at += n
		}
		pad := func() { put(make([]byte, (section-at%section)%section)) }
		head := make([]byte, headerSize)
		copy(head, magic)
		binary.LittleEndian.PutUint32(head[8:], uint32(l.dim))
		binary.LittleEndian.PutUint32(head[12:], uint32(l.key))
		binary.LittleEndian.PutUint64(head[16:], uint64(l.rows))
		binary.LittleEndian.PutUint64(head[24:], uint64(x.enough))
		binary.LittleEndian.PutUint64(head[32:], math.Float64bits(x.recall))
		if l.coded {
			head[40] = 1
		}
		copy(head[tagAt:tagAt+tagSize], tag)
		put(head)
		put(keys)
		pad()
		if l.coded {
			put(floatBytes(x.centre))
			pad()
			put(wordBytes(x.codes))
			pad()
		}
		for rest := x.rows; len(rest) > 0; {
			n := min(len(rest), 1<<16)
			put(floatBytes(rest[:n]))
			rest = rest[n:]
		}
		pad()
		return b.Flush()
	})
}

// File is an index in a file.
type File struct {
	*Index
	Tag  []byte
	keys []byte
	key  int
	done func() error
}

// Key returns the key of a row.
func (f *File) Key(row int) []byte { return f.keys[row*f.key : (row+1)*f.key] }

// Row returns the unit vector of a row, for [Builder.AddUnit].
func (f *File) Row(row int) []float32 { return f.row(row) }

// InMemory returns an index as its file would be read, with keys of this size.
func InMemory(x *Index, tag, keys []byte, key int) *File {
	return &File{x, tag, keys, key, func() error { return nil }}
}

// Close closes the file. Nothing of it may be used afterwards.
func (f *File) Close() error { return f.done() }

// Open opens a file whose rows have keys of this size. Its pages are read when they are needed. The error wraps
// ErrDamaged if it is not what Write writes, or fs.ErrNotExist.
func Open(name string, key int) (*File, error) {
	data, done, err := mapFile(name)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	f, err := read(data, key)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("%s: %w", name, err), done())
	}
	f.done = done
	return f, nil
}

func read(data []byte, key int) (*File, error) {
	if len(data) < headerSize || string(data[:len(magic)]) != magic {
		return nil, ErrDamaged
	}
	u32 := func(at int) uint64 { return uint64(binary.LittleEndian.Uint32(data[at:])) }
	rows := binary.LittleEndian.Uint64(data[16:])
	if rows > uint64(len(data)) || u32(8) < 1 || u32(8) > MaxDim || u32(12) != uint64(key) || data[40] > 1 {
		return nil, ErrDamaged
	}
	l := layOut(int(rows), key, int(u32(8)), data[40] == 1)
	enough := binary.LittleEndian.Uint64(data[24:])
	if l.length != len(data) || enough > rows {
		return nil, ErrDamaged
	}
	x := &Index{dim: l.dim, enough: int(enough), recall: math.Float64frombits(binary.LittleEndian.Uint64(data[32:]))}
	s, w := stride(l.dim), words(l.dim)
	if l.coded {
		x.centre = floats(data[l.centreAt:], s)
		x.codes = wordsOf(data[l.codesAt:], w*l.rows)
	}
	x.rows = floats(data[l.rowsAt:], s*l.rows)
	return &File{Index: x, Tag: slices.Clone(data[tagAt : tagAt+tagSize]), keys: data[l.keysAt : l.keysAt+l.rows*key], key: key}, nil
}

// little reports whether this machine's numbers lie in memory as they lie in the file.
var little = func() bool {
	n := uint16(1)
	return *(*byte)(unsafe.Pointer(&n)) == 1
}()

func floatBytes(v []float32) []byte {
	if len(v) == 0 {
		return nil
	}
	if little {
		return unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(v))), 4*len(v))
	}
	out := make([]byte, 0, 4*len(v))
	for _, x := range v {
		out = binary.LittleEndian.AppendUint32(out, math.Float32bits(x))
	}
	return out
}

func wordBytes(v []uint64) []byte {
	if len(v) == 0 {
		return nil
	}
	if little {
		return unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(v))), 8*len(v))
	}
	out := make([]byte, 0, 8*len(v))
	for _, x := range v {
		out = binary.LittleEndian.AppendUint64(out, x)
	}
	return out
}

// floats returns n numbers at the start of data, which must exist as long as they do.
func floats(data []byte, n int) []float32 {
	if n == 0 {
		return nil
	}
	if p := unsafe.Pointer(unsafe.SliceData(data)); little && uintptr(p)%4 == 0 {
		return unsafe.Slice((*float32)(p), n)
	}
	out := make([]float32, n)
	for i := range out {
		out[i] = math.Float32frombits(binary.LittleEndian.Uint32(data[4*i:]))
	}
	return out
}

func wordsOf(data []byte, n int) []uint64 {
	if n == 0 {
		return nil
	}
	if p := unsafe.Pointer(unsafe.SliceData(data)); little && uintptr(p)%8 == 0 {
		return unsafe.Slice((*uint64)(p), n)
	}
	out := make([]uint64, n)
	for i := range out {
		out[i] = binary.LittleEndian.Uint64(data[8*i:])
	}
	return out
}
