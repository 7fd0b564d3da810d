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

// Batch puts many blobs that become durable together: with one sync where they
// are small, and with the syncs of all large chunks side by side. Its methods may
// be called concurrently, Close excepted.
type Batch struct {
	s       *Store
	durable bool
	turns   chan struct{} // one for each turn that waits or is under way

	mu     sync.Mutex
	chunks ChunkPut // nil until there is a large chunk
	items  []*staged
	slab   *slab         // their small byte strings
	size   int           // of their keys, in bytes
	nodes  int           // of their nodes
	ready  []*staged     // packed, to be committed; belongs to the turn that is under way
	keys   int           // bytes of their keys and values
	err    error         // the first failure; the batch is over then
	under  chan struct{} // closed when the write that is under way has ended; nil: none was
}

const (
	maxStaged = 4 << 20 // bytes of small blobs that a batch gathers before it packs them
	maxTurns  = 2       // such packs that wait for the disk
	maxUpdate = 4 << 20 // bytes of keys and values in one update
	perKey    = 160     // bytes that a key costs besides its value, roughly
)

// staged is a blob whose chunk files are written, but not its keys.
type staged struct {
	ref object.BlobRef
	put map[string][]byte // its small chunks and its nodes

	part bool // it gets no reference
}

// NewBatch starts a batch. With noSync, Commit does not wait for large chunks.
func (s *Store) NewBatch(noSync bool) *Batch {
	return &Batch{s: s, durable: !noSync, turns: make(chan struct{}, maxTurns)}
}

// PutBlob is Store.PutBlob, but the blob is durable and certain to be visible
// only after Commit.
func (b *Batch) PutBlob(ctx context.Context, r io.Reader, o PutOptions) (object.BlobRef, error) {
	return b.put(ctx, r, o, false)
}

// PutPart is PutBlob for a part of something larger, such as a file of a tree: the blob has
// its cid, and no reference of its own. A garbage collection lets it be while the batch
// is open, and for gc.Options.Grace from Commit, until something refers to it.
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
	defer b.s.release(head) // what is staged was copied
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

// begun returns the put of the chunk backend, which it begins at the first call.
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

// write stores the chunks of one blob. A small blob's bytes stay in head.
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

// Commit makes all blobs so far durable and visible. After an error, any of them
// may be or not be; none is half there.
func (b *Batch) Commit(ctx context.Context) error {
	b.mu.Lock()
	t := b.begin()
	b.mu.Unlock()
	b.flush(ctx, t, true)
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.err
}

// Close forgets what was not committed.
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
