package trees

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"

	"github.com/mythos-project/mythos/internal/par"
	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/object/merkle"
	"github.com/mythos-project/mythos/object/tree"
	"github.com/mythos-project/mythos/store"
	"github.com/mythos-project/mythos/store/codec"
)

// Unpack makes the folder dest from a tree, completely or not at all: it is made next to its place under another name
// and then moved. dest must be missing or an empty folder; otherwise the error wraps fs.ErrExist. add, which may be
// nil, is called with the number of bytes written.
func Unpack(ctx context.Context, s *store.Store, id object.Hash, dest string, add func(int64)) (err error) {
	if err := checkFree(dest); err != nil {
		return err
	}
	tmp, err := os.MkdirTemp(filepath.Dir(filepath.Clean(dest)), ".mythos-tree-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(tmp)) }()
	made := filepath.Join(tmp, "tree")
	if err := os.Mkdir(made, 0o755); err != nil { //nolint:gosec // as mkdir does
		return err
	}
	if err := UnpackInto(ctx, s, id, made, add); err != nil {
		return err
	}
	if err := os.Remove(dest); err != nil && !errors.Is(err, fs.ErrNotExist) { // an empty folder
		return err
	}
	return os.Rename(made, dest)
}

func checkFree(dest string) error {
	names, err := os.ReadDir(dest)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err == nil && len(names) > 0 {
		err = fmt.Errorf("%s: %w and is not empty", dest, fs.ErrExist)
	} else if err != nil {
		if st, serr := os.Lstat(dest); serr == nil && !st.IsDir() {
			err = fmt.Errorf("%s: %w and is not a folder", dest, fs.ErrExist)
		}
	}
	return err
}

// UnpackInto writes the contents of a tree into an empty folder. Every path is opened below that folder ([os.Root]),
// every file is newly created, and links come last, so that none can be followed.
func UnpackInto(ctx context.Context, s *store.Store, id object.Hash, dir string, add func(int64)) (err error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, root.Close()) }()
	u := &unpacker{s: s, root: root, add: add}
	err = tree.Walk(s.Nodes(ctx), id, func(path []byte, e tree.Entry) (bool, error) {
		if err := ctx.Err(); err != nil {
			return false, err
		}
		name := string(path)
		switch e.Kind {
		case tree.Folder:
			return true, root.Mkdir(name, 0o755)
		case tree.Link:
			u.links = append(u.links, link{name, string(e.Target)})
			return false, nil
		}
		u.files = append(u.files, file{name, e})
		if len(u.files) < maxPending {
			return false, nil
		}
		return false, u.flush(ctx)
	})
	if err == nil {
		err = u.flush(ctx)
	}
	for i := 0; err == nil && i < len(u.links); i++ {
		err = root.Symlink(u.links[i].target, u.links[i].name)
	}
	return err
}

// maxPending is how many files wait to be written in parallel.
const maxPending = 1024

type unpacker struct {
	s     *store.Store
	root  *os.Root
	add   func(int64)
	files []file
	links []link
}

type file struct {
	name string
	e    tree.Entry
}

type link struct{ name, target string }

func (u *unpacker) flush(ctx context.Context) error {
	err := par.Each(ctx, len(u.files), 0, func(ctx context.Context, i int) error { return u.file(ctx, u.files[i]) })
	u.files = u.files[:0]
	return err
}

func (u *unpacker) file(ctx context.Context, f file) (err error) {
	perm := fs.FileMode(0o644)
	if f.e.Executable {
		perm = 0o755
	}
	out, err := u.root.OpenFile(f.name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, perm)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, out.Close()) }()
	if u.add != nil {
		defer func() { u.add(int64(f.e.Size)) }()
	}
	return Copy(ctx, u.s, f.e, out)
}

// Copy writes the verified bytes of a file.
func Copy(ctx context.Context, s *store.Store, e tree.Entry, w io.Writer) error {
	if e.Kind != tree.File {
		return fmt.Errorf("%q: %w: it is not a file", e.Name, tree.ErrNoEntry)
	}
	ref := e.Blob()
	if ref.Chunks == 0 {
		data, err := s.Bytes(ctx, ref.CID)
		if err == nil && uint64(len(data)) != e.Size {
			err = fmt.Errorf("%w: it has %d bytes, its entry says %d", tree.ErrTree, len(data), e.Size)
		}
		if err == nil {
			_, err = io.Copy(w, bytes.NewReader(data))
		}
		return of(e, err)
	}
	b, err := s.OpenRef(ctx, ref, codec.Keys{})
	if err != nil {
		return of(e, err)
	}
	return of(e, errors.Join(b.Copy(ctx, w), b.Close()))
}

// Part opens a raw blob that has no reference here, such as a file of a tree, by its nodes, which have all the
// necessary information.
func Part(ctx context.Context, s *store.Store, cid object.Hash) (*store.Blob, error) {
	dag, err := merkle.OpenChunks(s.Nodes(ctx), cid)
	if err != nil {
		return nil, err
	}
	e := tree.Entry{Size: dag.Size(), Content: &cid}
	ref := e.Blob()
	ref.Chunks = uint32(dag.Len())
	return s.OpenRef(ctx, ref, codec.Keys{})
}

func of(e tree.Entry, err error) error {
	if err != nil {
		err = fmt.Errorf("%q: %w", path.Base(string(e.Name)), err)
	}
	return err
}
