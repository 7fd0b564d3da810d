package merkle

import (
	"errors"
	"fmt"

	"github.com/mythos-project/mythos/object"
)

// NodeReader finds nodes by cid. The package checks the result against the cid, so it may come from anywhere.
type NodeReader interface {
	Node(cid object.Hash) ([]byte, error)
}

// ErrIndex means that an index is too large for the number of values.
var ErrIndex = errors.New("index is beyond the end")

// Tree reads a MerkleList or a chunk DAG top-down. It keeps only the root node.
type Tree struct {
	r    NodeReader
	cid  object.Hash
	root opened
}

// OpenList opens the MerkleList with this root.
func OpenList(r NodeReader, root object.Hash) (*Tree, error) { return open(r, root, false) }

// OpenChunks opens the chunk DAG with this root.
func OpenChunks(r NodeReader, root object.Hash) (*Tree, error) { return open(r, root, true) }

func open(r NodeReader, root object.Hash, chunked bool) (*Tree, error) {
	t := &Tree{r: r, cid: root}
	_, o, err := t.read(root)
	if err != nil {
		return nil, err
	}
	if o.chunked != chunked {
		return nil, fmt.Errorf("%w: %s is the root of the other kind of tree", ErrNode, root.Short())
	}
	t.root = o
	return t, nil
}

func (t *Tree) read(cid object.Hash) ([]byte, opened, error) {
	raw, err := t.r.Node(cid)
	if err != nil {
		return nil, opened{}, fmt.Errorf("node %s: %w", cid.Short(), err)
	}
	o, err := parseAs(raw, cid)
	return raw, o, err
}

// parseAs parses node bytes and checks them against their cid.
func parseAs(raw []byte, cid object.Hash) (opened, error) {
	if got := object.Sum(raw); got != cid {
		return opened{}, fmt.Errorf("%w: the bytes of %s hash to %s", ErrNode, cid.Short(), got.Short())
	}
	o, err := parse(raw)
	if err != nil {
		return opened{}, fmt.Errorf("node %s: %w", cid.Short(), err)
	}
	return o, nil
}

// Len is the number of values or chunks.
func (t *Tree) Len() uint64 { return t.root.count }

// Size is the number of bytes of the blob, 0 for a list.
func (t *Tree) Size() uint64 { return t.root.size }

// ChunkSize is the chunk size of the blob in bytes, 0 for a list.
func (t *Tree) ChunkSize() uint32 { return t.root.chunkSize }

// Walk calls fn for the values with indexes from to to-1, in order, reading only
// the nodes above them, each once. The Len of a list's values is 0.
func (t *Tree) Walk(from, to uint64, fn func(index uint64, c Chunk) error) error {
	if from > to || to > t.root.count {
		return fmt.Errorf("%w: [%d, %d) of %d", ErrIndex, from, to, t.root.count)
	}
	return t.walk(t.root, 0, from, to, fn)
}

func (t *Tree) walk(o opened, first, from, to uint64, fn func(uint64, Chunk) error) error {
	if o.leaf {
		for i := max(from, first); i < min(to, first+o.count); i++ {
			if err := fn(i, o.items[i-first]); err != nil {
				return err
			}
		}
		return nil
	}
	span := childSpan(o.count)
	for i, cid := range o.children {
		start := first + uint64(i)*span
		want := o.place().child(uint64(i))
		if start >= to || start+want.count <= from {
			continue
		}
		_, child, err := t.read(cid)
		if err != nil {
			return err
		}
		if err := want.check(child); err != nil {
			return fmt.Errorf("node %s: %w", cid.Short(), err)
		}
		if err := t.walk(child, start, from, to, fn); err != nil {
			return err
		}
	}
	return nil
}

// Nodes calls fn with the cid and bytes of every node, parents before children.
func (t *Tree) Nodes(fn func(cid object.Hash, raw []byte) error) error {
	return t.nodes(t.cid, t.root.place(), fn)
}

func (t *Tree) nodes(cid object.Hash, want place, fn func(object.Hash, []byte) error) error {
	raw, o, err := t.read(cid)
	if err != nil {
		return err
	}
	if err := want.check(o); err != nil {
		return fmt.Errorf("node %s: %w", cid.Short(), err)
	}
	if err := fn(cid, raw); err != nil {
		return err
	}
	for i, c := range o.children {
		if err := t.nodes(c, want.child(uint64(i)), fn); err != nil {
			return err
		}
	}
	return nil
}

// At returns one value, reading the nodes on its path only.
func (t *Tree) At(index uint64) (c Chunk, err error) {
	if index >= t.root.count {
		return Chunk{}, fmt.Errorf("%w: %d of %d", ErrIndex, index, t.root.count)
	}
	err = t.Walk(index, index+1, func(_ uint64, found Chunk) error { c = found; return nil })
	return c, err
}

// path returns the bytes of the nodes above a value, the leaf first and the root last.
func (t *Tree) path(index uint64) ([][]byte, error) {
	if index >= t.root.count {
		return nil, fmt.Errorf("%w: %d of %d", ErrIndex, index, t.root.count)
	}
	var nodes [][]byte
	cid, want := t.cid, t.root.place()
	for {
		raw, o, err := t.read(cid)
		if err != nil {
			return nil, err
		}
		if err := want.check(o); err != nil {
			return nil, fmt.Errorf("node %s: %w", cid.Short(), err)
		}
		nodes = append([][]byte{raw}, nodes...)
		if o.leaf {
			return nodes, nil
		}
		i := index / childSpan(o.count)
		index -= i * childSpan(o.count)
		cid, want = o.children[i], want.child(i)
	}
}
