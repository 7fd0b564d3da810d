package store

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/object/merkle"
	"github.com/mythos-project/mythos/store/kv"
	"github.com/mythos-project/mythos/store/layout"
)

// byteStore is the part of a Store that reads byte strings, wherever they are: in the KV, in a pack, or as a chunk.
type byteStore struct {
	kv      KV
	chunks  Chunks
	buffers sync.Pool // *[]byte of various sizes
	slabs   sync.Pool // *slab, empty
}

// PutBytes stores data of at most MaxBytes under its hash, durably. Nothing refers to it yet: garbage collection spares
// it for gc.Options.Grace. It replaces damaged bytes with that hash.
func (s *Store) PutBytes(ctx context.Context, data []byte) (object.Hash, error) {
	h, put, err := s.BytesUpdate(ctx, data)
	if err == nil && put != nil {
		_, err = s.kv.Update(ctx, nil, put)
	}
	return h, err
}

// BytesUpdate is PutBytes for data that is stored in one update of the KV together with something else, such as its
// referrer. It returns what that update must put. Nil: data is already stored, or is larger than SmallChunk and was put
// just now.
func (s *Store) BytesUpdate(ctx context.Context, data []byte) (h object.Hash, put map[string][]byte, err error) {
	h = object.Sum(data)
	if len(data) > MaxBytes {
		return h, nil, fmt.Errorf("%d bytes: %w, at most %d", len(data), ErrTooLarge, MaxBytes)
	}
	if len(data) <= SmallChunk {
		put, err = s.smallUpdate(ctx, h, data)
		return h, put, err
	}
	in := s.NewIntake(false)
	defer func() { err = errors.Join(err, in.Close()) }()
	if err := in.large(ctx, h, data); err != nil {
		return h, nil, err
	}
	return h, nil, in.Sync(ctx)
}

// smallUpdate returns what an update must put to store a small byte string; nil: nothing.
func (s *byteStore) smallUpdate(ctx context.Context, h object.Hash, data []byte) (map[string][]byte, error) {
	fresh, err := s.isLoose(ctx, h)
	if err != nil {
		return nil, err
	}
	if fresh {
		if have, found, err := s.kv.Get(ctx, kv.Bytes+h.String()); err != nil || (found && bytes.Equal(have, data)) {
			return nil, err
		}
	}
	put := map[string][]byte{kv.Bytes + h.String(): notNil(data), layout.MarkKey(h): {}}
	if _, packed, err := s.findPacked(ctx, h); err != nil || packed {
		put[kv.Packed+h.String()] = nil // its pack may be damaged, and one copy is enough
	}
	return put, nil
}

// isLoose reports whether h is loose and not yet seen unreachable.
func (s *byteStore) isLoose(ctx context.Context, h object.Hash) (bool, error) {
	mark, found, err := s.kv.Get(ctx, layout.MarkKey(h))
	return found && len(mark) == 0, err
}

// notNil distinguishes the empty byte string from a deletion.
func notNil(b []byte) []byte {
	if b == nil {
		return []byte{}
	}
	return b
}

// ReadBytes is Bytes for data of a known size. It reads into buf if the data fits.
func (s *byteStore) ReadBytes(ctx context.Context, h object.Hash, size uint32, buf []byte) ([]byte, error) {
	data, err := s.sized(ctx, merkle.Chunk{Hash: h, Len: size}, buf)
	if err == nil && len(data) != int(size) {
		err = fmt.Errorf("%w: %d bytes, expected were %d", ErrCorrupt, len(data), size)
	}
	if err != nil {
		return nil, fmt.Errorf("bytes %s: %w", h.Short(), err)
	}
	return data, nil
}

// Bytes returns the byte string with hash h, verified. Errors wrap ErrNotFound
// or ErrCorrupt.
func (s *byteStore) Bytes(ctx context.Context, h object.Hash) ([]byte, error) {
	data, found, err := s.kv.Get(ctx, kv.Bytes+h.String())
	if err != nil {
		return nil, err
	}
	if !found {
		if data, err = s.outside(ctx, h); err != nil {
			return nil, fmt.Errorf("bytes %s: %w", h.Short(), err)
		}
	}
	if err := verify("bytes", data, h); err != nil {
		return nil, err
	}
	return data, nil
}

// outside reads a byte string that is not in the KV, from a pack or a chunk.
func (s *byteStore) outside(ctx context.Context, h object.Hash) ([]byte, error) {
	p, found, err := s.findPacked(ctx, h)
	for found && err == nil {
		data, perr := p.Read(ctx, s.chunks)
		if !errors.Is(perr, ErrNotFound) {
			return data, perr
		}
		was := p // a collection may have moved the bytes to another pack
		if p, found, err = s.findPacked(ctx, h); err == nil && found && p == was {
			return nil, perr
		}
	}
	if err != nil {
		return nil, err
	}
	return s.chunks.Chunk(ctx, h)
}

// HasBytes reports whether a byte string is here, without reading it.
func (s *byteStore) HasBytes(ctx context.Context, h object.Hash) (bool, error) {
	if _, found, err := s.kv.Get(ctx, kv.Bytes+h.String()); err != nil || found {
		return found, err
	}
	p, found, err := s.findPacked(ctx, h)
	if err != nil {
		return false, err
	}
	if found {
		h = p.Pack
	}
	return s.chunks.HasChunk(ctx, h)
}
