package store

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/object/merkle"
	"github.com/mythos-project/mythos/store/codec"
)

// PutOptions say how a blob is stored.
type PutOptions struct {
	ChunkSize  uint32 // bytes, merkle.MinChunkSize to MaxChunkSize; 0: merkle.DefaultChunkSize
	Media      string // media type; empty: application/octet-stream
	Codec      uint8  // object.CodecRaw or object.CodecZstd
	Auto       bool   // use zstd if the first 256 KiB shrink with it, otherwise raw; Codec is ignored
	Encrypt    *codec.Encryption
	Provenance *object.ProvenanceRef
	NoSync     bool        // return before the chunks are durable; a batch decides this for all its blobs
	Progress   func(int64) // called with the number of plain bytes taken, from one goroutine per blob
}

const defaultMedia = "application/octet-stream"

// PutBlob stores the content of r and returns its reference. It holds a few chunks, whatever the size. When it returns,
// every byte, every node and the reference are durable (with NoSync: the nodes and the reference); until then no reader
// can see the blob. On an error nothing is visible, but the next try uses the chunks that were written.
//
// A blob that is already here keeps its reference, except that a new media type or provenance replaces the earlier one.
// PutBlob returns the stored reference. It refuses the same stored bytes under another codec or encryption; the error
// wraps ErrConflict. Other errors wrap ErrChunkSize, ErrTooLarge, those of r and those of the disk.
func (s *Store) PutBlob(ctx context.Context, r io.Reader, o PutOptions) (object.BlobRef, error) {
	b := s.NewBatch(o.NoSync)
	ref, err := b.PutBlob(ctx, r, o)
	if err == nil {
		err = b.Commit(ctx)
	}
	if err = errors.Join(err, b.Close()); err != nil {
		return object.BlobRef{}, err
	}
	return ref, nil
}

func (o PutOptions) filled() (PutOptions, error) {
	if o.ChunkSize == 0 {
		o.ChunkSize = merkle.DefaultChunkSize
	}
	if o.ChunkSize < merkle.MinChunkSize || o.ChunkSize > merkle.MaxChunkSize {
		return o, fmt.Errorf("%w: %d bytes, expected %d to %d", ErrChunkSize, o.ChunkSize, merkle.MinChunkSize, merkle.MaxChunkSize)
	}
	return o, nil
}

// PutList makes a MerkleList visible as a blob: its nodes become durable together with a reference. The reference has
// the root as cid, the size of the root node, and no chunks (spec/datasets.md#manifest). PutList also returns the
// number of values.
func (s *Store) PutList(ctx context.Context, media string, build func(*merkle.ListBuilder) error) (object.BlobRef, uint64, error) {
	nodes := s.NodeWriter(ctx)
	l := merkle.NewListBuilder(nodes)
	if err := build(l); err != nil {
		return object.BlobRef{}, 0, err
	}
	root, err := l.Finish()
	if err != nil {
		return object.BlobRef{}, 0, err
	}
	ref := object.BlobRef{CID: root.CID, Size: uint64(root.NodeSize), Media: media}
	it := &staged{ref: ref, put: nodes.pending}
	if err := s.commit(ctx, []*staged{it}); err != nil {
		return object.BlobRef{}, 0, err
	}
	return it.ref, root.Count, nil
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
