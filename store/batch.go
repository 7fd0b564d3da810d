package store

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"sync"

	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/object/merkle"
	"github.com/mythos-project/mythos/store/codec"
	"github.com/mythos-project/mythos/store/kv"
)

// Batch puts many blobs that become durable together: small blobs with one sync, large chunks with concurrent syncs.
// Its methods except Close may be called concurrently.
type Batch struct {
	s       *Store
	durable bool
	turns   chan struct{} // one slot for each waiting or running turn

	mu     sync.Mutex
	chunks ChunkPut // nil until there is a large chunk
	items  []*staged
	slab   *slab         // the blobs' small byte strings
	size   int           // of the blobs' keys, in bytes
	nodes  int           // of their nodes
	ready  []*staged     // packed, not yet committed; belongs to the running turn
	keys   int           // bytes of their keys and values
	err    error         // the first failure; it ends the batch
	under  chan struct{} // closed when the running write has ended; nil: none
}

const (
	maxStaged = 4 << 20 // bytes of small blobs that a batch collects before it packs them
	maxTurns  = 2       // such packs that may wait for the disk
	maxUpdate = 4 << 20 // bytes of keys and values in one update
	perKey    = 160     // approximate cost in bytes of a key besides its value
)

// staged is a blob whose chunk files are written but whose keys are not.
type staged struct {
	ref object.BlobRef
	put map[string][]byte // its small chunks and its nodes

	part bool // it gets no reference
}

// NewBatch starts a batch. With noSync, Commit does not wait until large chunks are durable.
func (s *Store) NewBatch(noSync bool) *Batch {
	return &Batch{s: s, durable: !noSync, turns: make(chan struct{}, maxTurns)}
}

// PutBlob is Store.PutBlob, but only Commit guarantees that the blob is durable and visible.
func (b *Batch) PutBlob(ctx context.Context, r io.Reader, o PutOptions) (object.BlobRef, error) {
	return b.put(ctx, r, o, false)
}

// PutPart is PutBlob for a part of something larger, such as a file of a tree: the blob has its cid, but no reference
// of its own. Garbage collection spares it while the batch is open, and for gc.Options.Grace after Commit; within that
// time something must refer to it.
func (b *Batch) PutPart(ctx context.Context, r io.Reader) (object.BlobRef, error) {
	return b.put(ctx, r, PutOptions{}, true)
}

func (b *Batch) put(ctx context.Context, r io.Reader, o PutOptions, part bool) (object.BlobRef, error) {
	o, err := o.filled()
	if err != nil {
		return object.BlobRef{}, err
	}
	if o.Progress != nil {
		r = &progressReader{r, o.Progress}
	}
	enc, err := codec.Encode(r, codec.Options{ChunkSize: o.ChunkSize, Codec: o.Codec, Auto: o.Auto, Encrypt: o.Encrypt})
	if err != nil {
		return object.BlobRef{}, err
	}
	defer enc.Close()
	head := b.s.buffer(SmallChunk + 1)
	defer b.s.release(head) // stage has copied it
	it, err := b.write(ctx, enc, head, o)
	if err != nil {
		return object.BlobRef{}, err
	}
	it.part = part
	it.ref.Media, it.ref.Codec, it.ref.Provenance, it.ref.Encryption = o.Media, enc.Codec, o.Provenance, enc.Encryption()
	if it.ref.Media == "" {
		it.ref.Media = defaultMedia
	}
	known, err := b.s.lookUp(ctx, it)
	if err != nil || known {
		return it.ref, err
	}
	return it.ref, b.stage(ctx, it)
}

// begun returns the chunk backend's put, which the first call begins.
func (b *Batch) begun(ctx context.Context) (ChunkPut, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.chunks != nil {
		return b.chunks, nil
	}
	var err error
	b.chunks, err = b.s.chunks.Begin(ctx, b.durable)
	return b.chunks, err
}

// write stores the chunks of one blob. The bytes of a small blob stay in head.
func (b *Batch) write(ctx context.Context, r io.Reader, head []byte, o PutOptions) (*staged, error) {
	n, err := io.ReadFull(r, head)
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return small(head[:n], o.ChunkSize)
	}
	if err != nil {
		return nil, err
	}
	p := &pipeline{b: b, chunkSize: o.ChunkSize, nodes: b.s.NodeWriter(ctx)}
	root, err := p.run(ctx, head, r)
	if err != nil {
		return nil, err
	}
	return newStaged(root, p.nodes.pending)
}

// small makes a blob of at most SmallChunk bytes.
func small(data []byte, chunkSize uint32) (*staged, error) {
	h := object.Sum(data)
	put := map[string][]byte{kv.Bytes + h.String(): data}
	if len(data) <= merkle.MaxUnchunked {
		return &staged{ref: object.BlobRef{CID: h, Size: uint64(len(data))}, put: put}, nil
	}
	dag := merkle.NewChunkBuilder(chunkSize, nodeMap(put))
	if err := dag.Add(merkle.Chunk{Hash: h, Len: uint32(len(data))}); err != nil {
		return nil, err
	}
	root, err := dag.Finish()
	if err != nil {
		return nil, err
	}
	return newStaged(root, put)
}

func newStaged(root merkle.Root, put map[string][]byte) (*staged, error) {
	if root.Count > 1<<32-1 {
		return nil, fmt.Errorf("%d chunks: %w: take a larger chunk size", root.Count, ErrTooLarge)
	}
	return &staged{ref: object.BlobRef{CID: root.CID, Size: root.Size, Chunks: uint32(root.Count)}, put: put}, nil
}

type nodeMap map[string][]byte

func (m nodeMap) PutNode(cid object.Hash, data []byte) error {
	m[kv.Nodes+cid.String()] = bytes.Clone(data)
	return nil
}

// Commit makes all blobs put so far durable and visible. After an error any of them may or may not be visible, but none
// is incomplete.
func (b *Batch) Commit(ctx context.Context) error {
	b.mu.Lock()
	t := b.begin()
	b.mu.Unlock()
	b.flush(ctx, t, true)
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.err
}

// Close discards uncommitted blobs.
func (b *Batch) Close() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.under != nil {
		under := b.under
		b.mu.Unlock()
		<-under
		b.mu.Lock()
	}
	if b.chunks == nil {
		return nil
	}
	err := b.chunks.Close()
	b.chunks = nil
	return err
}
