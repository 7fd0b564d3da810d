package tree

import (
	"bytes"
	"fmt"

	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/object/can"
	"github.com/mythos-project/mythos/object/merkle"
)

// Builder makes the tree of one folder from its entries, which come ascending by name. It
// holds one node of the list a level.
type Builder struct {
	w     merkle.NodeWriter
	list  *merkle.ListBuilder
	files uint64
	size  uint64
	last  []byte
}

// NewBuilder starts a folder whose nodes go to w.
func NewBuilder(w merkle.NodeWriter) *Builder {
	return &Builder{w: w, list: merkle.NewListBuilder(w)}
}

// Add appends an entry. below is the tree of a folder, and the zero Tree for any other entry.
func (b *Builder) Add(e Entry, below Tree) (err error) {
	if err := e.Check(); err != nil {
		return fmt.Errorf("%w: %w", ErrTree, err)
	}
	if b.last != nil && bytes.Compare(b.last, e.Name) >= 0 {
		return fmt.Errorf("%w: entry %q after %q: names ascend, and none comes twice", ErrTree, e.Name, b.last)
	}
	b.last = e.Name
	files := below.Files
	if e.Kind != Folder {
		files = 1
	}
	if b.files, err = sum(b.files, files); err != nil {
		return err
	}
	if e.Kind != Link {
		if b.size, err = sum(b.size, e.Size); err != nil {
			return err
		}
	}
	raw, err := can.Marshal(&e)
	if err != nil {
		return err
	}
	id := object.Sum(raw)
	if err := b.w.PutNode(id, raw); err != nil {
		return fmt.Errorf("put entry %q: %w", e.Name, err)
	}
	return b.list.Add(id)
}

// Built is the tree of a folder, with its id.
type Built struct {
	Tree
	ID       object.Hash
	NodeSize int // bytes of the Tree
}

// Entry returns the folder as an entry of its parent.
func (b Built) Entry(name []byte) Entry {
	return Entry{Name: name, Kind: Folder, Size: b.Size, Content: &b.ID}
}

// Finish writes the open nodes and returns the tree. The builder must not be used afterwards.
func (b *Builder) Finish() (Built, error) {
	root, err := b.list.Finish()
	if err != nil {
		return Built{}, err
	}
	t := Tree{Version: 1, Entries: root.CID, Files: b.files, Size: b.size}
	raw, err := can.Marshal(&t)
	if err != nil {
		return Built{}, err
	}
	id := object.Sum(raw)
	if err := b.w.PutNode(id, raw); err != nil {
		return Built{}, fmt.Errorf("put tree %s: %w", id.Short(), err)
	}
	return Built{t, id, len(raw)}, nil
}
