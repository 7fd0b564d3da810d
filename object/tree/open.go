package tree

import (
	"bytes"
	"errors"
	"fmt"

	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/object/merkle"
)

// ErrNoEntry means that a folder has no entry of a name.
var ErrNoEntry = errors.New("no such file or folder in the tree")

// Dir is an open folder.
type Dir struct {
	Tree
	ID object.Hash

	r    merkle.NodeReader
	list *merkle.Tree
}

// Open opens the folder with this id. Errors wrap ErrTree, merkle.ErrNode, or are those of
// the reader.
func Open(r merkle.NodeReader, id object.Hash) (*Dir, error) {
	raw, err := r.Node(id)
	if err != nil {
		return nil, fmt.Errorf("tree %s: %w", id.Short(), err)
	}
	t, err := Parse(raw, id)
	if err != nil {
		return nil, err
	}
	list, err := merkle.OpenList(r, t.Entries)
	if err != nil {
		return nil, fmt.Errorf("entries of tree %s: %w", id.Short(), err)
	}
	return &Dir{*t, id, r, list}, nil
}

// Parse reads the bytes of a Tree, which must have this id.
func Parse(raw []byte, id object.Hash) (*Tree, error) {
	if got := object.Sum(raw); got != id {
		return nil, fmt.Errorf("%w: the bytes of %s hash to %s", ErrTree, id.Short(), got.Short())
	}
	t, err := object.Decode[Tree](raw)
	if err != nil {
		return nil, fmt.Errorf("%w: %s: %w", ErrTree, id.Short(), err)
	}
	return t, nil
}

// Is reports whether bytes decode as a Tree.
func Is(raw []byte) bool {
	_, err := object.Decode[Tree](raw)
	return err == nil
}

// NodeKind guesses the name of a node's struct from its bytes: Tree, TreeEntry, or else MerkleNode, without a check.
func NodeKind(raw []byte) string {
	if Is(raw) {
		return "Tree"
	}
	if _, err := object.Decode[Entry](raw); err == nil {
		return "TreeEntry"
	}
	return "MerkleNode"
}

// CheckNode checks that bytes are a node of a list, a blob or a tree.
func CheckNode(raw []byte) error {
	if NodeKind(raw) != "MerkleNode" {
		return nil
	}
	_, err := object.Decode[merkle.Node](raw)
	return err
}

// Len is the number of entries.
func (d *Dir) Len() uint64 { return d.list.Len() }

// Lists calls fn with every node of the list of entries, parents before children.
func (d *Dir) Lists(fn func(id object.Hash, raw []byte) error) error { return d.list.Nodes(fn) }

// entry reads the entry with this hash.
func (d *Dir) entry(id object.Hash) (e *Entry, raw []byte, err error) {
	if raw, err = d.r.Node(id); err != nil {
		return nil, nil, fmt.Errorf("entry %s: %w", id.Short(), err)
	}
	e, err = parseEntry(raw, id)
	return e, raw, err
}

func parseEntry(raw []byte, id object.Hash) (*Entry, error) {
	if got := object.Sum(raw); got != id {
		return nil, fmt.Errorf("%w: the bytes of entry %s hash to %s", ErrTree, id.Short(), got.Short())
	}
	e, err := object.Decode[Entry](raw)
	if err != nil {
		return nil, fmt.Errorf("%w: entry %s: %w", ErrTree, id.Short(), err)
	}
	return e, nil
}

// Each calls fn for every entry in order, with its hash and bytes. It checks that names ascend and that the sizes of
// the files add up to that of the folder.
func (d *Dir) Each(fn func(e Entry, id object.Hash, raw []byte) error) error {
	var last []byte
	var size uint64
	err := d.list.Walk(0, d.list.Len(), func(i uint64, c merkle.Chunk) error {
		e, raw, err := d.entry(c.Hash)
		if err != nil {
			return err
		}
		if i > 0 && bytes.Compare(last, e.Name) >= 0 {
			return fmt.Errorf("%w: %s has %q after %q", ErrTree, d.ID.Short(), e.Name, last)
		}
		last = e.Name
		if e.Kind != Link {
			if size, err = sum(size, e.Size); err != nil {
				return err
			}
		}
		return fn(*e, c.Hash, raw)
	})
	if err == nil && size != d.Size {
		err = fmt.Errorf("%w: %s says %d bytes, its entries have %d", ErrTree, d.ID.Short(), d.Size, size)
	}
	return err
}

// Find returns the entry with a name and its index, reading about log₂ n entries. The error wraps ErrNoEntry.
func (d *Dir) Find(name []byte) (*Entry, uint64, error) {
	first, last := uint64(0), (d.Len()+merkle.Fanout-1)/merkle.Fanout // leaves of the list
	for last-first > 1 {
		middle := first + (last-first)/2
		c, err := d.list.At(middle * merkle.Fanout)
		if err != nil {
			return nil, 0, err
		}
		e, _, err := d.entry(c.Hash)
		if err != nil {
			return nil, 0, err
		}
		if bytes.Compare(e.Name, name) <= 0 {
			first = middle
		} else {
			last = middle
		}
	}
	from := first * merkle.Fanout
	var leaf []object.Hash
	err := d.list.Walk(from, min(from+merkle.Fanout, d.Len()), func(_ uint64, c merkle.Chunk) error {
		leaf = append(leaf, c.Hash)
		return nil
	})
	for low := 0; err == nil && low < len(leaf); {
		middle := (low + len(leaf)) / 2
		e, _, err := d.entry(leaf[middle])
		if err != nil {
			return nil, 0, err
		}
		switch order := bytes.Compare(e.Name, name); {
		case order == 0:
			return e, from + uint64(middle), nil
		case order < 0:
			low = middle + 1
		default:
			leaf = leaf[:middle]
		}
	}
	if err == nil {
		err = fmt.Errorf("%q: %w", name, ErrNoEntry)
	}
	return nil, 0, err
}

// Below opens the folder of an entry.
func (d *Dir) Below(e Entry) (*Dir, error) {
	if e.Kind != Folder {
		return nil, fmt.Errorf("%q is not a folder: %w", e.Name, ErrNoEntry)
	}
	sub, err := Open(d.r, *e.Content)
	if err != nil {
		return nil, fmt.Errorf("%q: %w", e.Name, err)
	}
	if sub.Size != e.Size {
		return nil, fmt.Errorf("%w: entry %q says %d bytes, its folder %d", ErrTree, e.Name, e.Size, sub.Size)
	}
	return sub, nil
}
