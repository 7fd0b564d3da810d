package merkle

import (
	"errors"
	"fmt"

	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/object/can"
)

// Fanout is the largest number of values in a leaf and of children in an
// internal node. It never varies.
const Fanout = 1024

// Node kinds.
const (
	KindListLeaf uint8 = iota + 1
	KindListInternal
	KindChunkLeaf
	KindChunkInternal
)

// ErrNode means that bytes are not a valid node, or not the node that belongs at their place in the tree.
var ErrNode = errors.New("invalid Merkle node")

// Node is the outer struct of every Merkle node; its hash is the node's cid.
type Node struct {
	Version uint8  `can:"1,version"` // 1
	Kind    uint8  `can:"2,kind"`
	Payload []byte `can:"3,payload"` // canonical bytes of the struct of that kind
}

// Check parses the payload as the struct of the kind [field-10].
func (n Node) Check() error {
	_, err := n.open()
	return err
}

// ListLeaf holds up to Fanout values of a MerkleList.
type ListLeaf struct {
	Values []object.Hash `can:"1,values"`
}

// ListInternal holds 2 to Fanout children.
type ListInternal struct {
	Children []object.Hash `can:"1,children"`
	Count    uint64        `can:"2,count"` // values below
}

// Chunk is one chunk of a blob: the hash and length of its stored bytes.
type Chunk struct {
	Hash object.Hash `can:"1,hash"`
	Len  uint32      `can:"2,len"`
}

// ChunkLeaf holds up to Fanout chunks.
type ChunkLeaf struct {
	ChunkSize uint32  `can:"1,chunk_size"`
	Chunks    []Chunk `can:"2,chunks"`
	TotalSize uint64  `can:"3,total_size"` // bytes of these chunks
}

// ChunkInternal holds 2 to Fanout children.
type ChunkInternal struct {
	ChunkSize  uint32        `can:"1,chunk_size"`
	Children   []object.Hash `can:"2,children"`
	TotalSize  uint64        `can:"3,total_size"`  // bytes below
	ChunkCount uint64        `can:"4,chunk_count"` // chunks below
}

// Structs describes the structs of this package.
var Structs = []object.Struct{
	object.Define[Node]("MerkleNode", object.Rule{}),
	object.Define[ListLeaf]("MerkleListLeaf", object.Rule{}),
	object.Define[ListInternal]("MerkleListInternal", object.Rule{}),
	object.Define[Chunk]("Chunk", object.Rule{}),
	object.Define[ChunkLeaf]("ChunkLeaf", object.Rule{}),
	object.Define[ChunkInternal]("ChunkInternal", object.Rule{}),
	object.Define[ChunkProof]("ChunkProof", object.Rule{}),
	object.Define[ListProof]("ListProof", object.Rule{}),
}

// opened is a parsed node of any kind.
type opened struct {
	chunked   bool
	leaf      bool
	chunkSize uint32
	items     []Chunk // of a leaf; Len is 0 in a list
	children  []object.Hash
	count     uint64 // values or chunks below
	size      uint64 // bytes below; 0 in a list
}

// parse decodes node bytes, checking everything that needs no knowledge of the
// node's place.
func parse(raw []byte) (opened, error) {
	type unchecked Node // without Check, which calls open itself
	var n unchecked
	if err := can.Unmarshal(raw, &n); err != nil {
		return opened{}, fmt.Errorf("%w: %w", ErrNode, err)
	}
	o, err := Node(n).open()
	if err != nil {
		return opened{}, fmt.Errorf("%w: %w", ErrNode, err)
	}
	return o, nil
}

func (n Node) open() (opened, error) {
	if n.Version != 1 {
		return opened{}, fmt.Errorf("version %d, expected 1", n.Version)
	}
	switch n.Kind {
	case KindListLeaf:
		return openListLeaf(n.Payload)
	case KindListInternal:
		return openListInternal(n.Payload)
	case KindChunkLeaf:
		return openChunkLeaf(n.Payload)
	case KindChunkInternal:
		return openChunkInternal(n.Payload)
	}
	return opened{}, fmt.Errorf("kind %d is not known", n.Kind)
}

func openListLeaf(payload []byte) (opened, error) {
	var l ListLeaf
	if err := can.Unmarshal(payload, &l); err != nil {
		return opened{}, err
	}
	if len(l.Values) > Fanout {
		return opened{}, fmt.Errorf("leaf of %d values, at most %d", len(l.Values), Fanout)
	}
	o := opened{leaf: true, items: make([]Chunk, len(l.Values)), count: uint64(len(l.Values))}
	for i, h := range l.Values {
		o.items[i].Hash = h
	}
	return o, nil
}

func openListInternal(payload []byte) (opened, error) {
	var in ListInternal
	if err := can.Unmarshal(payload, &in); err != nil {
		return opened{}, err
	}
	o := opened{children: in.Children, count: in.Count}
	return o, o.checkInternal()
}

func openChunkLeaf(payload []byte) (opened, error) {
	var l ChunkLeaf
	if err := can.Unmarshal(payload, &l); err != nil {
		return opened{}, err
	}
	if len(l.Chunks) == 0 || len(l.Chunks) > Fanout {
		return opened{}, fmt.Errorf("leaf of %d chunks, expected 1 to %d", len(l.Chunks), Fanout)
	}
	var size uint64
	for i, c := range l.Chunks {
		last := i == len(l.Chunks)-1
		if c.Len == 0 || c.Len > l.ChunkSize || (!last && c.Len != l.ChunkSize) {
			return opened{}, fmt.Errorf("chunk %d has %d bytes, the chunk size is %d", i, c.Len, l.ChunkSize)
		}
		size += uint64(c.Len)
	}
	if size != l.TotalSize {
		return opened{}, fmt.Errorf("total size %d, the chunks have %d", l.TotalSize, size)
	}
	return opened{chunked: true, leaf: true, chunkSize: l.ChunkSize, items: l.Chunks,
		count: uint64(len(l.Chunks)), size: size}, nil
}

func openChunkInternal(payload []byte) (opened, error) {
	var in ChunkInternal
	if err := can.Unmarshal(payload, &in); err != nil {
		return opened{}, err
	}
	o := opened{chunked: true, chunkSize: in.ChunkSize, children: in.Children, count: in.ChunkCount, size: in.TotalSize}
	if in.ChunkSize == 0 || in.ChunkCount > 1<<32-1 {
		return o, fmt.Errorf("chunk size %d, %d chunks: out of range", in.ChunkSize, in.ChunkCount)
	}
	if full := in.ChunkCount * uint64(in.ChunkSize); in.TotalSize > full || in.TotalSize <= full-uint64(in.ChunkSize) {
		return o, fmt.Errorf("total size %d does not fit %d chunks of %d", in.TotalSize, in.ChunkCount, in.ChunkSize)
	}
	return o, o.checkInternal()
}

// checkInternal compares the number of children with what the count demands.
func (o opened) checkInternal() error {
	if o.count <= Fanout {
		return fmt.Errorf("internal node over %d values, which fit a leaf", o.count)
	}
	if want := fanout(o.count); uint64(len(o.children)) != want {
		return fmt.Errorf("%d children, %d values demand %d", len(o.children), o.count, want)
	}
	return nil
}
