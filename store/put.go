package store

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"runtime"
	"sync"

	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/object/can"
	"github.com/mythos-project/mythos/object/merkle"
)

// PutOptions say how a blob is stored.
type PutOptions struct {
	ChunkSize  uint32 // bytes, merkle.MinChunkSize to MaxChunkSize; 0: merkle.DefaultChunkSize
	Media      string // media type; empty: application/octet-stream
	Codec      uint8  // object.CodecRaw or object.CodecZstd
	Encrypt    *EncryptOptions
	Provenance *object.ProvenanceRef
	NoSync     bool        // return before the chunks are durable
	Progress   func(int64) // called with the number of plain bytes taken, from one goroutine
}

// PutBlob stores what r gives and returns its reference. It holds a few chunks,
// whatever the size. When it returns, every byte, every node and the reference
// are durable; before, no reader can see the blob. On an error nothing is
// visible; chunks that were written serve the next try.
func (s *Store) PutBlob(ctx context.Context, r io.Reader, o PutOptions) (object.BlobRef, error) {
	if o.ChunkSize == 0 {
		o.ChunkSize = merkle.DefaultChunkSize
	}
	if o.ChunkSize < merkle.MinChunkSize || o.ChunkSize > merkle.MaxChunkSize {
		return object.BlobRef{}, fmt.Errorf("%w: %d bytes, expected %d to %d", ErrChunkSize, o.ChunkSize, merkle.MinChunkSize, merkle.MaxChunkSize)
	}
	s.running.RLock()
	defer s.running.RUnlock()
	if o.Progress != nil {
		r = &progressReader{r, o.Progress}
	}
	stored, err := encodeStream(r, o)
	if err != nil {
		return object.BlobRef{}, err
	}
	defer stored.Close()
	ref, put, err := s.putStored(ctx, stored, o)
	if err != nil {
		return object.BlobRef{}, err
	}
	ref.Media, ref.Codec, ref.Provenance = o.Media, o.Codec, o.Provenance
	if ref.Media == "" {
		ref.Media = "application/octet-stream"
	}
	if ref.Encryption, err = stored.encryption(o); err != nil {
		return object.BlobRef{}, err
	}
	return ref, s.commitBlob(ctx, ref, put, o.NoSync)
}

// commitBlob makes the chunks durable and then, in one update, the last nodes and
// the reference: the reference is what makes a blob visible.
func (s *Store) commitBlob(ctx context.Context, ref object.BlobRef, put map[string][]byte, noSync bool) error {
	if syncer, ok := s.chunks.(interface{ Publish(context.Context) error }); ok && noSync {
		if err := syncer.Publish(ctx); err != nil {
			return err
		}
	} else if err := s.chunks.Sync(ctx); err != nil {
		return fmt.Errorf("sync chunks: %w", err)
	}
	raw, err := can.Marshal(&ref)
	if err != nil {
		return err
	}
	key := "b/" + ref.CID.String()
	if _, found, err := s.kv.Get(ctx, key); err != nil || found {
		return err // the same bytes are here already, with the reference of their first put
	}
	put[key] = raw
	_, err = s.kv.Update(ctx, nil, put)
	return err
}

// putStored cuts the stored bytes into chunks and returns the keys that make them
// a blob.
func (s *Store) putStored(ctx context.Context, r io.Reader, o PutOptions) (object.BlobRef, map[string][]byte, error) {
	head := make([]byte, merkle.MaxUnchunked+1)
	n, err := io.ReadFull(r, head)
	head = head[:n]
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		cid := object.Sum(head)
		return object.BlobRef{CID: cid, Size: uint64(n)}, map[string][]byte{"c/" + cid.String(): head}, nil
	}
	if err != nil {
		return object.BlobRef{}, nil, err
	}
	nodes := s.NodeWriter(ctx)
	root, err := s.putChunks(ctx, io.MultiReader(bytes.NewReader(head), r), o, nodes)
	if err != nil {
		return object.BlobRef{}, nil, err
	}
	if root.Count > 1<<32-1 {
		return object.BlobRef{}, nil, fmt.Errorf("%d chunks: %w: take a larger chunk size", root.Count, ErrTooLarge)
	}
	return object.BlobRef{CID: root.CID, Size: root.Size, Chunks: uint32(root.Count)}, nodes.pending, nil
}

// job is one chunk on its way: the reader fills data, a worker sets hash and err
// and closes done, the collector takes them in order.
type job struct {
	data []byte
	hash object.Hash
	err  error
	done chan struct{}
}

// putChunks runs the pipeline reader → workers → collector. The reader runs in
// its own goroutine and is at most 2·workers chunks ahead of the collector.
func (s *Store) putChunks(ctx context.Context, r io.Reader, o PutOptions, nodes *NodeWriter) (merkle.Root, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	workers := runtime.GOMAXPROCS(0)
	pool := sync.Pool{New: func() any { b := make([]byte, o.ChunkSize); return &b }}
	todo, order := make(chan *job), make(chan *job, workers)
	var wg sync.WaitGroup
	for range workers {
		wg.Go(func() {
			for j := range todo {
				j.hash = object.Sum(j.data)
				j.err = s.putChunk(ctx, j.hash, j.data)
				close(j.done)
			}
		})
	}
	var readErr error
	wg.Go(func() {
		defer close(order)
		defer close(todo)
		readErr = readChunks(ctx, r, &pool, todo, order)
	})
	b := merkle.NewChunkBuilder(o.ChunkSize, nodes)
	var err error
	for j := range order {
		<-j.done
		if err == nil {
			err = j.err
		}
		if err == nil {
			err = b.Add(merkle.Chunk{Hash: j.hash, Len: uint32(len(j.data))})
		}
		if err != nil {
			cancel()
		}
		full := j.data[:cap(j.data)]
		pool.Put(&full)
	}
	wg.Wait()
	if err = errors.Join(err, readErr); err != nil {
		return merkle.Root{}, err
	}
	return b.Finish()
}

// readChunks fills chunks from r until its end.
func readChunks(ctx context.Context, r io.Reader, pool *sync.Pool, todo, order chan<- *job) error {
	for {
		if err := ctx.Err(); err != nil {
			return nil //nolint:nilerr // whoever cancelled has the error
		}
		buf := *pool.Get().(*[]byte)
		n, err := io.ReadFull(r, buf)
		if n > 0 {
			j := &job{data: buf[:n], done: make(chan struct{})}
			order <- j
			todo <- j
		}
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// putChunk stores one chunk, unless it is here already.
func (s *Store) putChunk(ctx context.Context, h object.Hash, data []byte) error {
	if len(data) <= SmallChunk {
		return s.putAbsent(ctx, map[string][]byte{"c/" + h.String(): data})
	}
	have, err := s.chunks.HasChunk(ctx, h)
	if err != nil || have {
		return err
	}
	return s.chunks.PutChunk(ctx, h, data)
}

// PutList makes a MerkleList visible as a blob: its nodes become durable together
// with a reference whose cid is the root, whose size is that of the root node, and
// which has no chunks (spec/datasets.md#manifest).
func (s *Store) PutList(ctx context.Context, media string, build func(*merkle.ListBuilder) error) (object.BlobRef, uint64, error) {
	s.running.RLock()
	defer s.running.RUnlock()
	nodes := s.NodeWriter(ctx)
	b := merkle.NewListBuilder(nodes)
	if err := build(b); err != nil {
		return object.BlobRef{}, 0, err
	}
	root, err := b.Finish()
	if err != nil {
		return object.BlobRef{}, 0, err
	}
	ref := object.BlobRef{CID: root.CID, Size: uint64(root.NodeSize), Media: media}
	return ref, root.Count, s.commitBlob(ctx, ref, nodes.pending, false)
}

type progressReader struct {
	r   io.Reader
	add func(int64)
}

func (p *progressReader) Read(b []byte) (int, error) {
	n, err := p.r.Read(b)
	p.add(int64(n))
	return n, err
}
