package trees

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"hash/crc32"
	"os"
	"path/filepath"

	"github.com/mythos-project/mythos/internal/atomicfile"
	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/object/tree"
)

// The cache of a folder is one file: the magic, the id of the tree, the folders, and a CRC-32C of everything before.
// Numbers are varints. It saves reading and changes no result: what is out of date is read again, and a file that is
// damaged or of another version is ignored.
const cacheMagic = "mythos tree cache 1\n"

// cache is what was known of a folder.
type cache struct {
	root    object.Hash // zero: nothing
	folders map[string]*cachedFolder
}

type cachedFolder struct {
	built tree.Built
	items []found // ascending; without sub
}

// CacheName returns the file in dir with the cache of a folder.
func CacheName(dir, folder string) (string, error) {
	abs, err := filepath.Abs(folder)
	if err == nil {
		abs, err = filepath.EvalSymlinks(abs)
	}
	sum := sha256.Sum256([]byte(abs))
	return filepath.Join(dir, hex.EncodeToString(sum[:16])), err
}

// known fills in the contents of the cache, name after name, ascending.
type known struct{ items []found }

func (d *cachedFolder) start() *known {
	if d == nil {
		return &known{}
	}
	return &known{d.items}
}

// fill takes the content of an entry from the cache if it is the same entry.
func (k *known) fill(it *found) {
	for len(k.items) > 0 && k.items[0].name < it.name {
		k.items = k.items[1:]
	}
	if len(k.items) == 0 || k.items[0].name != it.name {
		return
	}
	was := &k.items[0]
	switch {
	case was.kind != it.kind || was.exec != it.exec:
	case it.kind == tree.Folder:
		it.known = true
	case was.stamp == it.stamp && was.stamp != stamp{}:
		it.known, it.sum, it.target = true, was.sum, was.target
	}
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// readCache reads a cache; if it is missing or invalid, it is empty.
func readCache(name string) cache {
	data, err := os.ReadFile(name)
	if err != nil || len(data) < len(cacheMagic)+32+4 || !bytes.HasPrefix(data, []byte(cacheMagic)) {
		return cache{}
	}
	body := data[:len(data)-4]
	if crc32.Checksum(body, castagnoli) != binary.BigEndian.Uint32(data[len(body):]) {
		return cache{}
	}
	r := &cacheReader{rest: string(body[len(cacheMagic):])}
	c := cache{root: r.hash(), folders: map[string]*cachedFolder{}}
	for r.rest != "" && r.err == nil {
		r.folder(c.folders)
	}
	if r.err != nil {
		return cache{}
	}
	return c
}

// cacheReader cuts values off a text, so that names need no copies.
type cacheReader struct {
	rest string
	err  error
}

var errCut = errors.New("the cache is cut off")

func (r *cacheReader) take(n uint64) string {
	if n > uint64(len(r.rest)) {
		r.err, r.rest = errCut, ""
		return ""
	}
	s := r.rest[:n]
	r.rest = r.rest[n:]
	return s
}

func (r *cacheReader) number() (n uint64) {
	for shift := 0; shift < 64; shift += 7 {
		if r.rest == "" {
			break
		}
		b := r.rest[0]
		r.rest = r.rest[1:]
		n |= uint64(b&0x7f) << shift
		if b < 0x80 {
			return n
		}
	}
	r.err, r.rest = errCut, ""
	return 0
}

func (r *cacheReader) text() string { return r.take(r.number()) }

func (r *cacheReader) sum() (s [32]byte) {
	copy(s[:], r.take(32))
	return s
}

func (r *cacheReader) hash() object.Hash { return object.HashOf(r.sum()) }

func (r *cacheReader) folder(folders map[string]*cachedFolder) {
	name := r.text()
	d := &cachedFolder{}
	d.built.ID, d.built.NodeSize = r.hash(), int(r.number())
	d.built.Tree = tree.Tree{Version: 1, Entries: r.hash(), Files: r.number(), Size: r.number()}
	n := r.number()
	if n > uint64(len(r.rest)) {
		r.err = errCut
		return
	}
	d.items = make([]found, n)
	for i := range d.items {
		r.item(&d.items[i])
	}
	folders[name] = d
}

func (r *cacheReader) item(it *found) {
	kind := r.number()
	it.kind, it.exec, it.name = uint8(kind>>1), kind&1 == 1, r.text()
	if it.kind == tree.Folder {
		return
	}
	it.stamp = stamp{int64(r.number()), int64(r.number()), int64(r.number()), r.number(), r.number()}
	if it.kind == tree.File {
		it.sum = r.sum()
	} else {
		it.target = r.text()
	}
}

// writeCache stores the state of a folder. What changed after settled is stored without a stamp.
func writeCache(name string, root object.Hash, top *folder, settled int64) error {
	b := append([]byte(cacheMagic), root.Sum[:]...)
	b = appendFolder(b, top, settled)
	b = binary.BigEndian.AppendUint32(b, crc32.Checksum(b, castagnoli))
	if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
		return err
	}
	return atomicfile.Write(name, 0o600, b)
}

func appendText(b []byte, s string) []byte {
	return append(binary.AppendUvarint(b, uint64(len(s))), s...)
}

func appendFolder(b []byte, d *folder, settled int64) []byte {
	b = appendText(b, d.path)
	b = append(b, d.built.ID.Sum[:]...)
	b = binary.AppendUvarint(b, uint64(d.built.NodeSize))
	b = append(b, d.built.Entries.Sum[:]...)
	b = binary.AppendUvarint(b, d.built.Files)
	b = binary.AppendUvarint(b, d.built.Size)
	b = binary.AppendUvarint(b, uint64(len(d.items)))
	for i := range d.items {
		it := &d.items[i]
		kind := uint64(it.kind) << 1
		if it.exec {
			kind |= 1
		}
		b = appendText(binary.AppendUvarint(b, kind), it.name)
		if it.kind == tree.Folder {
			continue
		}
		st := it.stamp
		if st.mtime >= settled || st.ctime >= settled || st.inode == 0 {
			st = stamp{}
		}
		for _, n := range []uint64{uint64(st.size), uint64(st.mtime), uint64(st.ctime), st.inode, st.dev} {
			b = binary.AppendUvarint(b, n)
		}
		if it.kind == tree.File {
			b = append(b, it.sum[:]...)
		} else {
			b = appendText(b, it.target)
		}
	}
	for i := range d.items {
		if sub := d.items[i].sub; sub != nil {
			b = appendFolder(b, sub, settled)
		}
	}
	return b
}
