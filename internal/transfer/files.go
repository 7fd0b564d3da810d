package transfer

import (
	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/object/merkle"
	"github.com/mythos-project/mythos/object/tree"
	"github.com/mythos-project/mythos/store"
)

// Top is where a walk begins: an object, or a file of a tree, which has no reference of its own. The zero Top is
// nothing.
type Top struct {
	ID   object.Hash
	file *object.BlobRef
}

// Object returns the walk of an object with everything below it.
func Object(id object.Hash) Top { return Top{ID: id} }

// Below returns the walk of what an entry of a tree names: a folder or a file. A link names nothing that could be
// walked: its Top is zero.
func Below(e tree.Entry) Top {
	switch e.Kind {
	case tree.File:
		ref := e.Blob()
		return Top{ref.CID, &ref}
	case tree.Folder:
		return Top{ID: *e.Content}
	}
	return Top{}
}

// ownNodes reads only the nodes that count as present. For other nodes it returns the same error as for missing ones.
type ownNodes struct {
	nodes merkle.NodeReader
	mine  func(Key) (bool, error)
}

// Node implements merkle.NodeReader.
func (r ownNodes) Node(id object.Hash) ([]byte, error) {
	mine, err := r.mine(Key{0, id})
	if err != nil {
		return nil, err
	}
	if !mine {
		return nil, store.ErrNotFound
	}
	return r.nodes.Node(id)
}

func (w *walker) ownNodes() merkle.NodeReader { return ownNodes{w.n.Store.Nodes(w.ctx), w.mine} }

// isFolder reports whether an id belongs to a tree of files.
func (w *walker) isFolder(id object.Hash) (bool, error) {
	if mine, err := w.mine(Key{0, id}); err != nil || !mine {
		return false, err
	}
	raw, err := w.n.Store.Nodes(w.ctx).Node(id)
	return err == nil && tree.Is(raw), nil
}

// folder visits a tree of files. Its files have no references of their own.
func (w *walker) folder(id object.Hash) error {
	enter := func(id object.Hash) bool { return !w.done[id] }
	return tree.Parts(w.ownNodes(), id, enter, func(p tree.Part) error {
		switch {
		case p.File != nil:
			return w.file(*p.File)
		case w.once(p.ID):
			return w.emit(Part{partNode, p.ID, p.Raw})
		}
		return w.ctx.Err()
	})
}

// named visits the tree that a payload names, if it is here.
func (w *walker) named(payload object.Hash, evidence []object.Hash) error {
	id, ok := tree.Named(payload, evidence)
	if !ok {
		return nil
	}
	if folder, err := w.isFolder(id); err != nil || !folder {
		return err
	}
	return w.folder(id)
}

func (w *walker) file(ref object.BlobRef) error {
	if w.done[ref.CID] {
		return nil
	}
	if mine, err := w.mine(Key{0, ref.CID}); err != nil || !mine {
		return orNotFound(err)
	}
	if ref.Chunks > 0 {
		return w.chunks(ref.CID)
	}
	return w.bytes(ref.CID, false)
}

func orNotFound(err error) error {
	if err == nil {
		err = store.ErrNotFound
	}
	return err
}

// ownsTree checks that the agent sent every part of a tree of files.
func ownsTree(r merkle.NodeReader, id object.Hash, file func(object.BlobRef) error) error {
	return tree.Parts(r, id, nil, func(part tree.Part) error {
		if part.File != nil {
			return file(*part.File)
		}
		return nil
	})
}
