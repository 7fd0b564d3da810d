package trees

import (
	"archive/tar"
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"math"
	"slices"
	"strings"

	"github.com/mythos-project/mythos/object/tree"
	"github.com/mythos-project/mythos/store"
)

// maxEntries is how many files, folders and links an archive may have.
const maxEntries = 10_000_000

// PutTar stores the contents of a tar archive as a tree: files, folders and links with their names, targets and the
// owner's executable bit. Times, owners and other permissions are not part of a tree. A hard link becomes the file that
// it names. What a tree cannot represent is refused with an error that wraps ErrArchive: a path that leads out of the
// archive, a duplicate name, a truncated archive, a path through a file or a link, a device.
func PutTar(ctx context.Context, s *store.Store, r io.Reader) (got Stored, err error) {
	a := &archive{ctx: ctx, w: newWriter(ctx, s), top: newNode()}
	defer func() { err = a.w.close(err) }()
	buffered := bufio.NewReader(r)
	if err := refuseCompressed(buffered); err != nil {
		return got, err
	}
	count := &counter{r: buffered}
	in := tar.NewReader(count)
	for {
		count.begin()
		h, err := in.Next()
		if errors.Is(err, io.EOF) && count.zeros >= trailer {
			break
		}
		if errors.Is(err, io.EOF) {
			return got, refuse("it is cut off: two blocks of zeros end an archive")
		}
		if err != nil && a.entries == 0 {
			return got, refuse("it is not a tar archive, or a damaged one: %w", err)
		}
		if err != nil {
			return got, fmt.Errorf("%w: %w", ErrArchive, err)
		}
		if err := a.add(h, in); err != nil {
			return got, fmt.Errorf("%q: %w", h.Name, err)
		}
	}
	root, err := a.top.build(a.w)
	if err != nil {
		return got, err
	}
	return Stored{Built: root, Read: a.files}, a.w.finish(ctx, root, nil)
}

// compressors are what is known by the first bytes of what it writes.
var compressors = map[string]string{"\x1f\x8b": "gzip", "BZh": "bzip2", "\xfd7zXZ\x00": "xz", "\x28\xb5\x2f\xfd": "zstd"}

// refuseCompressed says what to do about an archive that is compressed.
func refuseCompressed(r *bufio.Reader) error {
	for magic, name := range compressors {
		if head, _ := r.Peek(len(magic)); string(head) == magic {
			return refuse("it is compressed by %s: give what `%s -dc ARCHIVE` writes to `mythos tree put -`", name, name)
		}
	}
	return nil
}

// trailer is how many bytes end an archive. The library accepts any end.
const trailer = 1024

// block is the unit of an archive, in bytes.
const block = 512

// counter counts the zero bytes of an archive between two entries.
type counter struct {
	r     io.Reader
	n     int64 // bytes read
	from  int64 // where the next entry, or the end, must begin
	zeros int64 // zero bytes from there on, or less than 0 if one of them is not zero
}

func (c *counter) begin() { c.from, c.zeros = (c.n+block-1)/block*block, 0 }

func (c *counter) Read(b []byte) (int, error) {
	n, err := c.r.Read(b)
	fresh := b[min(int64(n), max(0, c.from-c.n)):n]
	if c.zeros += int64(len(fresh)); bytes.ContainsFunc(fresh, func(r rune) bool { return r != 0 }) {
		c.zeros = math.MinInt64 / 2
	}
	c.n += int64(n)
	return n, err
}

// archive is a tree in the making.
type archive struct {
	ctx     context.Context
	w       *writer
	top     *node
	entries int
	files   uint64
}

// node is a folder of an archive. Every folder is one, whether or not it has an entry.
type node struct {
	named   bool // by its own entry
	entries map[string]tree.Entry
	folders map[string]*node
}

func newNode() *node { return &node{entries: map[string]tree.Entry{}, folders: map[string]*node{}} }

func refuse(format string, args ...any) error {
	return fmt.Errorf("%w: %w", ErrArchive, fmt.Errorf(format, args...))
}

// split splits a path of an archive.
func split(name string) ([]string, error) {
	if strings.HasPrefix(name, "/") {
		return nil, refuse("the path is absolute")
	}
	var names []string
	for part := range strings.SplitSeq(name, "/") {
		if part == "" || part == "." {
			continue
		}
		if err := tree.CheckName([]byte(part)); err != nil {
			return nil, refuse("%w", err)
		}
		names = append(names, part)
	}
	if len(names) > tree.MaxDepth {
		return nil, tooDeep()
	}
	return names, nil
}

func tooDeep() error { return refuse("more than %d folders inside one another", tree.MaxDepth) }

func (a *archive) add(h *tar.Header, r io.Reader) error {
	if err := a.ctx.Err(); err != nil {
		return err
	}
	if a.entries++; a.entries > maxEntries {
		return refuse("more than %d entries", maxEntries)
	}
	if h.Typeflag == tar.TypeXGlobalHeader {
		return nil // notes about the whole archive
	}
	names, err := split(h.Name)
	if err != nil {
		return err
	}
	if h.Typeflag == tar.TypeDir {
		return a.folder(names)
	}
	if len(names) == 0 || strings.HasSuffix(h.Name, "/") {
		return refuse("only a folder has such a path")
	}
	last := len(names) - 1
	d, err := a.top.reach(names[:last])
	if err != nil {
		return err
	}
	name := names[last]
	if _, there := d.entries[name]; there || d.folders[name] != nil {
		return refuse("the path comes twice")
	}
	e, err := a.entry(h, r)
	if err != nil {
		return err
	}
	e.Name = []byte(name)
	if err := e.Check(); err != nil {
		return refuse("%w", err)
	}
	d.entries[name] = e
	return nil
}

func (a *archive) folder(names []string) error {
	if len(names) == tree.MaxDepth { // the root also counts
		return tooDeep()
	}
	d, err := a.top.reach(names)
	if err != nil {
		return err
	}
	if d.named && d != a.top {
		return refuse("the path comes twice")
	}
	d.named = true
	return nil
}

// reach finds the folder at a path, and makes its missing parts.
func (d *node) reach(names []string) (*node, error) {
	for _, name := range names {
		if e, there := d.entries[name]; there {
			return nil, refuse("%q is %s, and no folder", name, kindName(e.Kind))
		}
		next := d.folders[name]
		if next == nil {
			next = newNode()
			d.folders[name] = next
		}
		d = next
	}
	return d, nil
}

func kindName(kind uint8) string {
	if kind == tree.Link {
		return "a link"
	}
	return "a file"
}

// entry makes the entry of anything but a folder.
func (a *archive) entry(h *tar.Header, r io.Reader) (tree.Entry, error) {
	switch h.Typeflag {
	case tar.TypeReg, tar.TypeGNUSparse, tar.TypeCont:
		ref, err := a.w.file(a.ctx, r, h.Size)
		if err != nil {
			return tree.Entry{}, err
		}
		a.files++
		return tree.Entry{Kind: tree.File, Executable: h.Mode&0o100 != 0, Size: ref.Size, Content: &ref.CID}, nil
	case tar.TypeSymlink:
		return tree.Entry{Kind: tree.Link, Size: uint64(len(h.Linkname)), Target: []byte(h.Linkname)}, nil
	case tar.TypeLink:
		return a.linked(h.Linkname)
	}
	return tree.Entry{}, refuse("%w", ErrKind)
}

// linked returns the file that a hard link names, which has come before.
func (a *archive) linked(path string) (tree.Entry, error) {
	names, err := split(path)
	if err != nil || len(names) == 0 {
		return tree.Entry{}, refuse("hard link to %q, which is not a path of the archive", path)
	}
	d := a.top
	for _, name := range names[:len(names)-1] {
		if d = d.folders[name]; d == nil {
			return tree.Entry{}, refuse("hard link to %q, which has not come before", path)
		}
	}
	e, there := d.entries[names[len(names)-1]]
	if !there || e.Kind != tree.File {
		return tree.Entry{}, refuse("hard link to %q, which has not come before as a file", path)
	}
	return e, nil
}

// build makes the trees from the bottom up.
func (d *node) build(w *writer) (tree.Built, error) {
	below := map[string]tree.Tree{}
	for name, sub := range d.folders {
		built, err := sub.build(w)
		if err != nil {
			return built, err
		}
		d.entries[name], below[name] = built.Entry([]byte(name)), built.Tree
	}
	b := tree.NewBuilder(w.nodes)
	for _, name := range slices.Sorted(maps.Keys(d.entries)) {
		if err := b.Add(d.entries[name], below[name]); err != nil {
			return tree.Built{}, err
		}
	}
	return b.Finish()
}
