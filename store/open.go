package store

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"

	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/object/merkle"
	"github.com/mythos-project/mythos/store/codec"
	"github.com/mythos-project/mythos/store/kv"
)

// BlobRef returns the reference of a blob that is here. The error wraps ErrNotFound.
func (s *Store) BlobRef(ctx context.Context, cid object.Hash) (object.BlobRef, error) {
	raw, found, err := s.kv.Get(ctx, kv.Blobs+cid.String())
	if err != nil {
		return object.BlobRef{}, err
	}
	if !found {
		return object.BlobRef{}, fmt.Errorf("blob %s: %w", cid, ErrNotFound)
	}
	ref, err := object.Decode[object.BlobRef](raw)
	if err != nil {
		return object.BlobRef{}, fmt.Errorf("reference of blob %s: %w: %w", cid.Short(), ErrCorrupt, err)
	}
	return *ref, nil
}

// Blobs calls fn for the reference of every blob, ascending by cid.
func (s *Store) Blobs(ctx context.Context, fn func(object.BlobRef) error) error {
	return s.kv.Scan(ctx, kv.Blobs, kv.End(kv.Blobs), func(key string, raw []byte) error {
		ref, err := object.Decode[object.BlobRef](raw)
		if err != nil {
			return fmt.Errorf("%s: %w: %w", key, ErrCorrupt, err)
		}
		return fn(*ref)
	})
}

// RemoveBlob removes a blob and its pin. Its chunks and nodes stay until GC finds that nothing else uses them. The
// error wraps ErrNotFound.
func (s *Store) RemoveBlob(ctx context.Context, cid object.Hash) error {
	_, found, err := s.kv.Get(ctx, kv.Blobs+cid.String())
	if err != nil {
		return err
	}
	if !found {
		return fmt.Errorf("blob %s: %w", cid, ErrNotFound)
	}
	_, err = s.kv.Update(MakingRoom(ctx), nil, map[string][]byte{kv.Blobs + cid.String(): nil, kv.Pins + cid.String(): nil})
	return err
}

// Blob reads a stored blob. It checks every chunk against its hash before it hands out the chunk's first byte.
type Blob struct {
	s    *Store
	ref  object.BlobRef
	open codec.Keys
	tree *merkle.Tree // nil for an unchunked blob
	kept bool         // its reference is here
}

// OpenBlob opens the blob with this cid. Errors wrap ErrNotFound, ErrCorrupt or
// merkle.ErrNode.
func (s *Store) OpenBlob(ctx context.Context, cid object.Hash, o codec.Keys) (*Blob, error) {
	ref, err := s.BlobRef(ctx, cid)
	if err != nil {
		return nil, err
	}
	b, err := s.OpenRef(ctx, ref, o)
	if err != nil {
		return nil, lost(err)
	}
	b.kept = true
	return b, nil
}

// lost names a missing part of a blob whose reference is here: the part was here when the reference was written.
func lost(err error) error {
	if errors.Is(err, ErrNotFound) && !errors.Is(err, ErrCorrupt) {
		return fmt.Errorf("%w: a part of it is lost: %w", ErrCorrupt, err)
	}
	return err
}

// missing is lost if the blob's reference is here.
func (b *Blob) missing(err error) error {
	if b.kept {
		return lost(err)
	}
	return err
}

// OpenRef opens the blob that a reference describes. The reference itself need not be here.
func (s *Store) OpenRef(ctx context.Context, ref object.BlobRef, o codec.Keys) (*Blob, error) {
	b := &Blob{s: s, ref: ref, open: o}
	if ref.Chunks == 0 {
		return b, nil
	}
	tree, err := merkle.OpenChunks(s.Nodes(ctx), ref.CID)
	if err != nil {
		return nil, fmt.Errorf("blob %s: %w", ref.CID.Short(), err)
	}
	if tree.Len() != uint64(ref.Chunks) || tree.Size() != ref.Size {
		return nil, fmt.Errorf("blob %s: %w: the reference says %d bytes in %d chunks, the tree %d in %d",
			ref.CID.Short(), ErrCorrupt, ref.Size, ref.Chunks, tree.Size(), tree.Len())
	}
	b.tree = tree
	return b, nil
}

// Ref is the blob's reference.
func (b *Blob) Ref() object.BlobRef { return b.ref }

// ProveChunk makes the proof for one chunk of a blob. Errors wrap ErrNotFound or
// merkle.ErrIndex; an unchunked blob has no chunks.
func (s *Store) ProveChunk(ctx context.Context, cid object.Hash, index uint64) (*merkle.ChunkProof, error) {
	tree, err := merkle.OpenChunks(s.Nodes(ctx), cid)
	if err != nil {
		return nil, err
	}
	return tree.ProveChunk(index)
}

// Chunk returns the stored bytes of one chunk, verified.
func (b *Blob) Chunk(ctx context.Context, index uint64) ([]byte, error) {
	if b.tree == nil {
		if index > 0 {
			return nil, fmt.Errorf("%w: %d of 1", merkle.ErrIndex, index)
		}
		data, err := b.s.Bytes(ctx, b.ref.CID)
		return data, b.missing(err)
	}
	c, err := b.tree.At(index)
	if err != nil {
		return nil, b.missing(err)
	}
	data, err := b.s.chunkInto(ctx, index, c, nil)
	return data, b.missing(err)
}

// chunkInto reads and verifies a chunk. It reads into buf if the chunk fits.
func (s *byteStore) chunkInto(ctx context.Context, index uint64, c merkle.Chunk, buf []byte) ([]byte, error) {
	data, err := s.sized(ctx, c, buf)
	if err != nil {
		return nil, fmt.Errorf("chunk %d: %w", index, err)
	}
	if len(data) != int(c.Len) {
		return nil, fmt.Errorf("chunk %d: %w: %d bytes, the tree says %d", index, ErrCorrupt, len(data), c.Len)
	}
	return data, nil
}

// sized is Bytes for a known length: a large chunk needs no lookup in the KV.
func (s *byteStore) sized(ctx context.Context, c merkle.Chunk, buf []byte) (data []byte, err error) {
	if c.Len <= SmallChunk {
		return s.Bytes(ctx, c.Hash)
	}
	return ReadChunk(ctx, s.chunks, c.Hash, buf)
}

// ReadChunk reads and verifies a chunk. It reads into buf if the chunk fits and the backend is a ChunkReader.
func ReadChunk(ctx context.Context, chunks Chunks, h object.Hash, buf []byte) (data []byte, err error) {
	r, ok := chunks.(ChunkReader)
	if !ok {
		if data, err = chunks.Chunk(ctx, h); err != nil {
			return nil, err
		}
		return data, verify("chunk", data, h)
	}
	sum := sha256.New()
	if data, err = r.ReadChunk(ctx, h, buf, func(p []byte) { sum.Write(p) }); err != nil {
		return nil, err
	}
	return data, verifySum("chunk", object.HashOf([32]byte(sum.Sum(nil))), h)
}

// coded is the blob as package codec needs it to decrypt and decompress.
func (b *Blob) coded() *codec.Blob {
	c := &codec.Blob{Ref: b.ref, Keys: b.open,
		At:   func(ctx context.Context) io.ReaderAt { return &storedAt{ctx: ctx, b: b} },
		Copy: func(ctx context.Context, w io.Writer) error { return b.copyStored(ctx, 0, int64(b.ref.Size), w) },
	}
	if b.tree != nil {
		c.ChunkSize = int(b.tree.ChunkSize())
	}
	return c
}

// Size is the number of plain bytes. For an encrypted blob it needs the key. For a compressed blob it reads the seek
// table; without a table it reads everything.
func (b *Blob) Size(ctx context.Context) (int64, error) {
	if codec.Plain(b.ref) {
		return int64(b.ref.Size), nil
	}
	return b.coded().Size(ctx)
}

// Copy writes the whole blob, decrypted and decoded, to w. A plain hash in the
// reference is checked at the end.
func (b *Blob) Copy(ctx context.Context, w io.Writer) error {
	if codec.Plain(b.ref) {
		return b.copyStored(ctx, 0, int64(b.ref.Size), w)
	}
	if err := b.coded().Decode(ctx, w); err != nil {
		return fmt.Errorf("blob %s: %w", b.ref.CID.Short(), err)
	}
	return nil
}

// ReadRange writes n bytes from off on, decrypted and decoded, to w. It reads the chunks of the range and, if the blob
// is compressed, whole frames. A range beyond the end is an error that wraps ErrRange.
func (b *Blob) ReadRange(ctx context.Context, off, n int64, w io.Writer) error {
	if off < 0 || n < 0 {
		return fmt.Errorf("%w: %d bytes from %d", ErrRange, n, off)
	}
	if !codec.Plain(b.ref) {
		return b.coded().Range(ctx, off, n, w)
	}
	if size := int64(b.ref.Size); off > size || n > size-off {
		return fmt.Errorf("%w: %d bytes from %d of %d", ErrRange, n, off, size)
	}
	return b.copyStored(ctx, off, n, w)
}

// copyStored writes a range of the stored bytes. It verifies ahead in parallel.
func (b *Blob) copyStored(ctx context.Context, off, n int64, w io.Writer) error {
	if n == 0 {
		return nil
	}
	if b.tree == nil {
		data, err := b.Chunk(ctx, 0)
		if err != nil {
			return err
		}
		if int64(len(data)) < off+n {
			return fmt.Errorf("blob %s: %w: shorter than its reference says", b.ref.CID.Short(), ErrCorrupt)
		}
		_, err = w.Write(data[off : off+n])
		return err
	}
	size := int64(b.tree.ChunkSize())
	first, last := uint64(off/size), uint64((off+n-1)/size)
	return b.missing(b.s.readAhead(ctx, b.tree, first, last+1, func(index uint64, data []byte) error {
		start := int64(index) * size
		from, to := max(off-start, 0), min(off+n-start, int64(len(data)))
		_, err := w.Write(data[from:to])
		return err
	}))
}

// Close releases what the blob holds.
func (b *Blob) Close() error { return nil }

// storedAt reads verified stored bytes at any offset. It caches the last chunk.
type storedAt struct {
	ctx   context.Context
	b     *Blob
	index uint64
	data  []byte
}

// ReadAt implements io.ReaderAt; not for concurrent use.
func (s *storedAt) ReadAt(p []byte, off int64) (int, error) {
	n := 0
	for n < len(p) {
		at := off + int64(n)
		if at >= int64(s.b.ref.Size) {
			return n, io.EOF
		}
		index, start := uint64(0), int64(0)
		if s.b.tree != nil {
			size := int64(s.b.tree.ChunkSize())
			index, start = uint64(at/size), at/size*size
		}
		if s.data == nil || s.index != index {
			data, err := s.b.Chunk(s.ctx, index)
			if err != nil {
				return n, err
			}
			s.index, s.data = index, data
		}
		if at-start >= int64(len(s.data)) {
			return n, fmt.Errorf("blob %s: %w: shorter than its reference says", s.b.ref.CID.Short(), ErrCorrupt)
		}
		n += copy(p[n:], s.data[at-start:])
	}
	return n, nil
}
