package table

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"sort"
	"sync/atomic"

	"github.com/dgraph-io/badger/v4/fb"
	"github.com/dgraph-io/badger/v4/pb"
	"github.com/dgraph-io/badger/v4/y"
	"github.com/dgraph-io/ristretto/v2/z"
	"google.golang.org/protobuf/proto"

	"github.com/mythos-project/mythos/store"
)

// file is one of Badger's tables:
//
//	blocks, index, length of the index u32, checksum of the index, its length u32
type file struct {
	base        string // name of the file
	name        string // with its folder, for errors
	left, right []byte // first and last key, without versions; nil: not yet known
	mapped      *z.MmapFile
	index       *fb.TableIndex
	bloom       y.Filter
	checked     []atomic.Uint64 // one bit per block
	whole       atomic.Bool     // all of them
}

// open maps a table and checks its footer and its last block. Badger reads both when it opens, and ends the process if
// they are malformed. open does not read the index, whose checksum Badger verifies.
func open(dir, name string) (t *file, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = (&file{name: filepath.Join(dir, name)}).damaged("its index makes no sense")
		}
		if err != nil && t != nil {
			t.close()
		}
	}()
	m, err := z.OpenMmapFile(filepath.Join(dir, name), os.O_RDONLY, 0)
	if err != nil {
		return nil, err
	}
	t = &file{base: name, name: filepath.Join(dir, name), mapped: m}
	raw, err := t.indexBytes()
	if err != nil {
		return t, err
	}
	t.index = fb.GetRootAsTableIndex(raw, 0)
	t.bloom = t.index.BloomFilterBytes()
	n := t.index.OffsetsLength()
	if n <= 0 || n > len(m.Data) {
		return t, t.damaged("its index makes no sense")
	}
	t.checked = make([]atomic.Uint64, (n+63)/64)
	return t, t.block(n - 1)
}

// indexBytes finds the index by the footer.
func (t *file) indexBytes() ([]byte, error) {
	rest := t.mapped.Data
	last := func(n int) []byte {
		part := rest[len(rest)-n:]
		rest = rest[:len(rest)-n]
		return part
	}
	number := func() (int, bool) {
		if len(rest) < 4 {
			return 0, false
		}
		n := int64(binary.BigEndian.Uint32(last(4)))
		return int(n), n <= int64(len(rest))
	}
	sum, ok := number()
	if !ok {
		return nil, t.damaged("it is cut off, or longer than it was")
	}
	last(sum)
	n, ok := number()
	if !ok || n < 8 {
		return nil, t.damaged("it is cut off, or longer than it was")
	}
	return last(n), nil
}

func (t *file) damaged(what string) error {
	return fmt.Errorf("%w: %s: %s", store.ErrDamaged, t.name, what)
}

// blocks is the number of blocks.
func (t *file) blocks() int { return t.index.OffsetsLength() }

// key is the first key of a block, without its version.
func (t *file) key(i int) []byte {
	var o fb.BlockOffset
	t.index.Offsets(&o, i)
	return y.ParseKey(o.KeyBytes())
}

// block checks one block; later calls cost nothing.
func (t *file) block(i int) error {
	bit := uint64(1) << (i & 63)
	if t.checked[i>>6].Load()&bit != 0 {
		return nil
	}
	var o fb.BlockOffset
	t.index.Offsets(&o, i)
	from, n := int64(o.Offset()), int64(o.Len())
	if n < 8 || from+n > int64(len(t.mapped.Data)) {
		return t.damaged("its index makes no sense")
	}
	data := t.mapped.Data[from : from+n]
	length := int64(binary.BigEndian.Uint32(data[n-4:]))
	sum := &pb.Checksum{}
	if length > n-8 || proto.Unmarshal(data[n-4-length:n-4], sum) != nil || y.VerifyChecksum(data[:n-4-length], sum) != nil {
		return t.damaged(fmt.Sprintf("the block at bytes %d to %d is damaged", from, from+n))
	}
	t.checked[i>>6].Or(bit)
	return nil
}

// span checks the blocks that may hold keys between two keys, inclusive.
func (t *file) span(from, to []byte) error {
	if t.whole.Load() || bytes.Compare(to, t.left) < 0 || bytes.Compare(from, t.right) > 0 {
		return nil
	}
	n := t.blocks()
	first := sort.Search(n, func(i int) bool { return bytes.Compare(t.key(i), from) >= 0 }) - 1
	for i := max(first, 0); i < n && (i <= first || bytes.Compare(t.key(i), to) <= 0); i++ {
		if err := t.block(i); err != nil {
			return err
		}
	}
	return nil
}

// all checks every block, and the index.
func (t *file) all() error {
	if t.whole.Load() {
		return nil
	}
	for i := range t.blocks() {
		if err := t.block(i); err != nil {
			return err
		}
	}
	t.whole.Store(true)
	return nil
}

func (t *file) close() {
	_ = t.mapped.Close(-1) // it was only read
}
