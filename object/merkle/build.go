package merkle

import (
	"errors"
	"fmt"

	"github.com/mythos-project/mythos/object"
)

// NodeWriter takes the nodes of a tree as they fill up, children before parents.
// It must not keep data: the builder writes the next node over it.
type NodeWriter interface {
	PutNode(cid object.Hash, data []byte) error
}

// Discard is a NodeWriter that keeps nothing, for computing roots.
var Discard NodeWriter = discard{}

type discard struct{}

func (discard) PutNode(object.Hash, []byte) error { return nil }

// Root is the result of building a tree.
type Root struct {
	CID      object.Hash
	Count    uint64 // values or chunks
	Size     uint64 // bytes of the blob; 0 for a list
	NodeSize int    // bytes of the root node
}

// builder holds one open node a level.
type builder struct {
	w         NodeWriter
	chunked   bool
	chunkSize uint32
	levels    []openNode // levels[0] is the open leaf
}

// part is a value of a leaf, or a finished node that waits for its siblings.
type part struct {
	count    uint64
	size     uint64
	nodeSize int
}

// add puts a part into the open node of a level, and closes a full one.
func (b *builder) add(level int, cid *object.Hash, p part) error {
	if cid.Alg != object.SHA256 {
		return cid.Check()
	}
	if level == len(b.levels) {
		b.levels = append(b.levels, openNode{})
	}
	n := &b.levels[level]
	if b.chunked && level == 0 {
		n.addChunk(cid, p)
	} else {
		n.addHash(cid, p)
	}
	if n.n < Fanout {
		return nil
	}
	return b.close(level)
}

// close writes the open node of a level and hands it to the level above.
func (b *builder) close(level int) error {
	n := &b.levels[level]
	raw := n.encode(b.kind(level), b.chunkSize)
	cid, p := object.Sum(raw), part{n.count, n.size, len(raw)}
	if err := b.w.PutNode(cid, raw); err != nil {
		return fmt.Errorf("put node %s: %w", cid.Short(), err)
	}
	n.reset()
	return b.add(level+1, &cid, p)
}

func (b *builder) kind(level int) uint8 {
	switch {
	case b.chunked && level == 0:
		return KindChunkLeaf
	case b.chunked:
		return KindChunkInternal
	case level == 0:
		return KindListLeaf
	}
	return KindListInternal
}

// finish closes the open nodes from the bottom up. A lone node is promoted
// unchanged, or is the root when nothing waits above it.
func (b *builder) finish() (Root, error) {
	if len(b.levels) == 0 {
		b.levels = append(b.levels, openNode{})
	}
	if n := &b.levels[0]; n.n > 0 || len(b.levels) == 1 {
		if err := b.close(0); err != nil {
			return Root{}, err
		}
	}
	for level := 1; ; level++ { // the top level always holds a part
		n := &b.levels[level]
		var err error
		switch {
		case n.n == 1 && level == len(b.levels)-1:
			return Root{n.lone(), n.count, n.size, n.nodeSize}, nil
		case n.n == 1:
			cid, p := n.lone(), part{n.count, n.size, n.nodeSize}
			n.reset()
			err = b.add(level+1, &cid, p)
		case n.n > 1:
			err = b.close(level)
		}
		if err != nil {
			return Root{}, err
		}
	}
}

// ListBuilder builds a MerkleList in one pass, holding one open node a level.
type ListBuilder struct{ b builder }

// NewListBuilder starts a list whose nodes go to w.
func NewListBuilder(w NodeWriter) *ListBuilder { return &ListBuilder{builder{w: w}} }

// Add appends a value.
func (l *ListBuilder) Add(h object.Hash) error { return l.b.add(0, &h, part{count: 1}) }

// Finish writes what is open and returns the root. The empty list is one leaf
// with no values. The builder must not be used afterwards.
func (l *ListBuilder) Finish() (Root, error) { return l.b.finish() }

// AddAll appends values as Add does, at a lower cost for each.
func (l *ListBuilder) AddAll(values []object.Hash) error {
	for len(values) > 0 {
		if len(l.b.levels) == 0 {
			l.b.levels = append(l.b.levels, openNode{})
		}
		n := &l.b.levels[0]
		some := values[:min(len(values), Fanout-n.n)]
		values = values[len(some):]
		if err := n.addHashes(some); err != nil {
			return err
		}
		if n.n == Fanout {
			if err := l.b.close(0); err != nil {
				return err
			}
		}
	}
	return nil
}

// ListRoot returns the root of the list of values.
func ListRoot(values []object.Hash) (Root, error) {
	l := NewListBuilder(Discard)
	if err := l.AddAll(values); err != nil {
		return Root{}, err
	}
	return l.Finish()
}

// ChunkBuilder builds the chunk DAG of a blob in one pass.
type ChunkBuilder struct {
	b     builder
	short bool
}

// NewChunkBuilder starts a DAG over chunks of chunkSize stored bytes, 1 to
// 2^32-1, whose nodes go to w.
func NewChunkBuilder(chunkSize uint32, w NodeWriter) *ChunkBuilder {
	return &ChunkBuilder{b: builder{w: w, chunked: true, chunkSize: chunkSize}}
}

// Add appends a chunk. Only the last chunk may be shorter than the chunk size.
func (c *ChunkBuilder) Add(chunk Chunk) error {
	if c.short || chunk.Len == 0 || chunk.Len > c.b.chunkSize {
		return fmt.Errorf("merkle: chunk of %d bytes after a short one or beyond the chunk size %d", chunk.Len, c.b.chunkSize)
	}
	c.short = chunk.Len < c.b.chunkSize
	return c.b.add(0, &chunk.Hash, part{count: 1, size: uint64(chunk.Len)})
}

// Finish writes what is open and returns the root. A DAG has at least one chunk.
func (c *ChunkBuilder) Finish() (Root, error) {
	if len(c.b.levels) == 0 {
		return Root{}, errors.New("merkle: a chunk DAG has at least one chunk")
	}
	return c.b.finish()
}
