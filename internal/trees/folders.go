package trees

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/mythos-project/mythos/exec/process"
	"github.com/mythos-project/mythos/model/train"
	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/object/merkle"
	"github.com/mythos-project/mythos/object/tree"
	"github.com/mythos-project/mythos/store"
)

// Folders stores folders for tools, and unpacks them.
type Folders struct{ Store *store.Store }

var (
	_ process.Trees = Folders{}
	_ train.Folders = Folders{}
)

// Unpack implements process.Trees.
func (f Folders) Unpack(ctx context.Context, id object.Hash, dir string) error {
	if err := UnpackInto(ctx, f.Store, id, dir, nil); err != nil {
		return fmt.Errorf("tree %s: %w", id.Short(), err)
	}
	return nil
}

// Pack implements process.Trees: nothing is left out.
func (f Folders) Pack(ctx context.Context, dir string) (object.Hash, error) {
	got, err := Put(ctx, f.Store, dir, PutOptions{Now: time.Now()})
	if errors.Is(err, ErrKind) || errors.Is(err, ErrChanging) {
		err = fmt.Errorf("%w: %w", process.ErrNoTree, err)
	}
	return got.ID, err
}

// Nodes implements train.Folders.
func (f Folders) Nodes(ctx context.Context) merkle.NodeReader { return f.Store.Nodes(ctx) }

// Copy implements train.Folders.
func (f Folders) Copy(ctx context.Context, e tree.Entry, w io.Writer) error {
	return Copy(ctx, f.Store, e, w)
}

// Fold implements train.Folders.
func (f Folders) Fold(ctx context.Context, parts ...train.Part) (object.Hash, error) {
	w := newWriter(ctx, f.Store)
	b := tree.NewBuilder(w.nodes)
	err := func() error {
		for _, p := range parts {
			e, below, err := f.entry(ctx, w, p)
			if err == nil {
				err = b.Add(e, below)
			}
			if err != nil {
				return fmt.Errorf("%s: %w", p.Name, err)
			}
		}
		return nil
	}()
	if err != nil {
		return object.Hash{}, w.close(err)
	}
	built, err := b.Finish()
	if err == nil {
		err = w.finish(ctx, built, nil)
	}
	return built.ID, w.close(err)
}

// entry stores a new file, or looks up what is here.
func (f Folders) entry(ctx context.Context, w *writer, p train.Part) (tree.Entry, tree.Tree, error) {
	if p.Have == nil {
		ref, err := w.file(ctx, p.File, store.SmallChunk+1)
		return tree.Entry{Name: []byte(p.Name), Kind: tree.File, Size: ref.Size, Content: &ref.CID}, tree.Tree{}, err
	}
	e := *p.Have
	e.Name = []byte(p.Name)
	if e.Kind != tree.Folder {
		return e, tree.Tree{}, nil
	}
	d, err := tree.Open(f.Store.Nodes(ctx), *e.Content)
	if err != nil {
		return e, tree.Tree{}, err
	}
	e.Size = d.Size
	return e, d.Tree, nil
}

// Own implements train.Folders.
func (f Folders) Own(ctx context.Context, folder, of object.Hash) (object.BlobRef, error) {
	raw, err := f.Store.Nodes(ctx).Node(folder)
	if err != nil {
		return object.BlobRef{}, fmt.Errorf("tree %s: %w", folder.Short(), err)
	}
	ref := tree.Ref(folder, len(raw))
	return ref, store.PutTree(ctx, f.Store, ref, f.Store.NodeWriter(ctx), &of)
}
