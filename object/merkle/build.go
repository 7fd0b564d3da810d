package merkle

import (
	"errors"
	"fmt"

	"github.com/mythos-project/mythos/object"
)

// NodeWriter takes the nodes of a tree as they fill up, children before parents.
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

// part is a finished node that waits for its siblings.
type part struct {
	cid      object.Hash
	count    uint64
	size     uint64
	nodeSize int
}

// builder holds at most Fanout entries a level.
type builder struct {
	w         NodeWriter
	chunked   bool
	chunkSize uint32
	items     []Chunk
	levels    [][]part // levels[0] holds finished leaves
}

func (b *builder) add(item Chunk) error {
	b.items = append(b.items, item)
	if len(b.items) < Fanout {
		return nil
	}
	return b.flushLeaf()
}

func (b *builder) flushLeaf() error {
	p := part{count: uint64(len(b.items))}
	for _, it := range b.items {
		p.size += uint64(it.Len)
	}
	var raw []byte
	var err error
	if b.chunked {
		raw, err = encode(KindChunkLeaf, &ChunkLeaf{b.chunkSize, b.items, p.size})
	} else {
		values := make([]object.Hash, len(b.items))
		for i, it := range b.items {
			values[i] = it.Hash
		}
		raw, err = encode(KindListLeaf, &ListLeaf{values})
	}
	b.items = b.items[:0]
	if err != nil {
		return err
	}
	return b.emit(0, p, raw)
}

// emit writes a node and hands it to the level above it.
func (b *builder) emit(level int, p part, raw []byte) error {
	p.cid, p.nodeSize = object.Sum(raw), len(raw)
	if err := b.w.PutNode(p.cid, raw); err != nil {
		return fmt.Errorf("put node %s: %w", p.cid.Short(), err)
	}
	return b.push(level, p)
}

func (b *builder) push(level int, p part) error {
	if level == len(b.levels) {
		b.levels = append(b.levels, nil)
	}
	b.levels[level] = append(b.levels[level], p)
	if len(b.levels[level]) < Fanout {
		return nil
	}
	return b.flushLevel(level)
}

func (b *builder) flushLevel(level int) error {
	parts := b.levels[level]
	b.levels[level] = nil
	p := part{}
	children := make([]object.Hash, len(parts))
	for i, c := range parts {
		children[i] = c.cid
		p.count += c.count
		p.size += c.size
	}
	var raw []byte
	var err error
	if b.chunked {
		raw, err = encode(KindChunkInternal, &ChunkInternal{b.chunkSize, children, p.size, p.count})
	} else {
		raw, err = encode(KindListInternal, &ListInternal{children, p.count})
	}
	if err != nil {
		return err
	}
	return b.emit(level+1, p, raw)
}

// finish closes the open nodes from the bottom up. A lone node is promoted
// unchanged, or is the root when nothing waits above it.
func (b *builder) finish() (Root, error) {
	if len(b.items) > 0 || len(b.levels) == 0 {
		if err := b.flushLeaf(); err != nil {
			return Root{}, err
		}
	}
	for level := 0; level < len(b.levels); level++ {
		parts := b.levels[level]
		switch {
		case len(parts) == 0:
		case len(parts) > 1:
			if err := b.flushLevel(level); err != nil {
				return Root{}, err
			}
		case level == len(b.levels)-1:
			p := parts[0]
			return Root{p.cid, p.count, p.size, p.nodeSize}, nil
		default:
			b.levels[level] = nil
			if err := b.push(level+1, parts[0]); err != nil {
				return Root{}, err
			}
		}
	}
	return Root{}, errors.New("merkle: no root") // unreachable: the top level always ends with one part
}

// ListBuilder builds a MerkleList in one pass, holding one open node a level.
type ListBuilder struct{ b builder }

// NewListBuilder starts a list whose nodes go to w.
func NewListBuilder(w NodeWriter) *ListBuilder { return &ListBuilder{builder{w: w}} }

// Add appends a value.
func (l *ListBuilder) Add(h object.Hash) error { return l.b.add(Chunk{Hash: h}) }

// Finish writes what is open and returns the root. The empty list is one leaf
// with no values. The builder must not be used afterwards.
func (l *ListBuilder) Finish() (Root, error) { return l.b.finish() }

// ListRoot returns the root of the list of values.
func ListRoot(values []object.Hash) (Root, error) {
	l := NewListBuilder(Discard)
	for _, v := range values {
		if err := l.Add(v); err != nil {
			return Root{}, err
		}
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
	return c.b.add(chunk)
}

// Finish writes what is open and returns the root. A DAG has at least one chunk.
func (c *ChunkBuilder) Finish() (Root, error) {
	if len(c.b.items) == 0 && len(c.b.levels) == 0 {
		return Root{}, errors.New("merkle: a chunk DAG has at least one chunk")
	}
	return c.b.finish()
}
