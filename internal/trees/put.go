package trees

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"

	"github.com/mythos-project/mythos/internal/par"
	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/object/tree"
	"github.com/mythos-project/mythos/store"
)

// PutOptions say how a folder is stored.
type PutOptions struct {
	Ignore   string // the name of files of patterns in git's syntax, in any folder; empty: none
	Skip     string // a folder that is left out, the repository; empty: none
	Cache    string // the cache file; empty: none
	Now      time.Time
	Progress func(total, done int64) // in bytes read; may be nil
}

// Stored is the result of storing a folder or an archive.
type Stored struct {
	tree.Built
	Read    uint64 // files that were read; the others were known from the cache
	Ignored uint64 // files and folders that patterns excluded
}

// Put stores a folder as a tree. When it returns, everything is durable; before, the tree is not visible. Errors wrap
// ErrKind or ErrChanging, or are those of the disk.
func Put(ctx context.Context, s *store.Store, dir string, o PutOptions) (Stored, error) {
	known := cache{}
	if o.Cache != "" {
		known = readCache(o.Cache)
	}
	if !known.root.IsZero() {
		if _, err := s.BlobRef(ctx, known.root); err != nil {
			known = cache{} // what it describes may be gone
		}
	}
	got, err := put(ctx, s, dir, o, known)
	if errors.Is(err, store.ErrChanged) && !known.root.IsZero() { // it was removed meanwhile
		return put(ctx, s, dir, o, cache{})
	}
	return got, err
}

func put(ctx context.Context, s *store.Store, dir string, o PutOptions, known cache) (Stored, error) {
	sc := &scanner{root: dir, ignore: o.Ignore, cache: known}
	if err := sc.leaveOut(o.Skip); err != nil {
		return Stored{}, err
	}
	top, err := sc.scan(ctx)
	if err != nil {
		return Stored{}, err
	}
	p := &putter{scanner: sc, w: newWriter(ctx, s), settled: o.Now.Add(-settling).UnixNano(), progress: o.Progress}
	got, err := p.put(ctx, top)
	if err = p.w.close(err); err != nil || o.Cache == "" {
		return got, err
	}
	if top.same && p.read == 0 {
		return got, nil
	}
	return got, writeCache(o.Cache, got.ID, top, p.settled)
}

// settling is how long a change may not show in a file's times: the coarsest clock of a file system in use. A file that
// changed within that time is read again the next time.
const settling = 2 * time.Second

// putter stores what a scan found.
type putter struct {
	*scanner
	w        *writer
	settled  int64
	progress func(total, done int64)
	read     uint64
}

func (p *putter) put(ctx context.Context, top *folder) (Stored, error) {
	files := unknown(top, nil)
	if p.progress != nil {
		var total int64
		for _, f := range files {
			total += f.it.stamp.size
		}
		p.progress(total, 0)
	}
	p.read = uint64(len(files))
	err := par.Each(ctx, len(files), 0, func(ctx context.Context, i int) error { return p.file(ctx, files[i]) })
	if err != nil {
		return Stored{}, err
	}
	if err := p.build(ctx, top); err != nil {
		return Stored{}, err
	}
	got := Stored{top.built, p.read, p.ignored.Load()}
	if top.same {
		return got, nil // it is here
	}
	var while *object.Hash
	if !p.cache.root.IsZero() {
		while = &p.cache.root
	}
	return got, p.w.finish(ctx, top.built, while)
}

// pending is a file to be read.
type pending struct {
	in *folder
	it *found
}

func unknown(d *folder, list []pending) []pending {
	for i := range d.items {
		it := &d.items[i]
		switch {
		case it.sub != nil:
			list = unknown(it.sub, list)
		case it.kind == tree.File && !it.known:
			list = append(list, pending{d, it})
		}
	}
	return list
}

// file stores one file. One that changes meanwhile would give bytes that it never had.
func (p *putter) file(ctx context.Context, f pending) error {
	name := p.place(f.in.path + "/" + f.it.name)
	file, err := openFile(name)
	if err != nil {
		return err
	}
	defer file.Close()
	before, err := lookAt(file)
	if err != nil {
		return err
	}
	if before.kind != tree.File {
		return fmt.Errorf("%s %w", name, ErrChanging)
	}
	ref, err := p.w.file(ctx, file, before.stamp.size)
	if err != nil {
		return fmt.Errorf("put %s: %w", name, err)
	}
	after, err := lookAt(file)
	if err != nil {
		return err
	}
	if after.stamp != before.stamp || ref.Size != uint64(after.stamp.size) {
		return fmt.Errorf("%s %w: put the folder again when nobody writes to it", name, ErrChanging)
	}
	f.it.stamp, f.it.exec, f.it.sum = before.stamp, before.exec, ref.CID.Sum
	if p.progress != nil {
		p.progress(0, before.stamp.size)
	}
	return nil
}

// build makes the trees from the bottom up. A folder that is unchanged since the cache is already in the store.
func (p *putter) build(ctx context.Context, d *folder) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	d.same = d.cached != nil && len(d.items) == len(d.cached.items)
	for i := range d.items {
		it := &d.items[i]
		if it.sub == nil {
			d.same = d.same && it.known
			continue
		}
		if err := p.build(ctx, it.sub); err != nil {
			return err
		}
		d.same = d.same && it.sub.same && it.known
	}
	if d.same {
		d.built = d.cached.built
		return nil
	}
	b := tree.NewBuilder(p.w.nodes)
	for i := range d.items {
		e, below := d.items[i].entry()
		if err := b.Add(e, below); err != nil {
			return fmt.Errorf("%s: %w", p.place(d.path), err)
		}
	}
	var err error
	d.built, err = b.Finish()
	return err
}

// entry returns the tree entry; for a folder, with the tree below.
func (it *found) entry() (tree.Entry, tree.Tree) {
	name := []byte(it.name)
	switch it.kind {
	case tree.Folder:
		return it.sub.built.Entry(name), it.sub.built.Tree
	case tree.Link:
		return tree.Entry{Name: name, Kind: tree.Link, Size: uint64(len(it.target)), Target: []byte(it.target)}, tree.Tree{}
	}
	cid := object.HashOf(it.sum)
	return tree.Entry{Name: name, Kind: tree.File, Executable: it.exec, Size: uint64(it.stamp.size), Content: &cid}, tree.Tree{}
}

// IsFolder reports whether a path is a folder, or a link to one.
func IsFolder(name string) (bool, error) {
	st, err := os.Stat(name)
	if errors.Is(err, fs.ErrNotExist) || err == nil {
		return err == nil && st.IsDir(), err
	}
	return false, err
}
