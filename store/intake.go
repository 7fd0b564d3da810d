package store

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"sync"

	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/store/kv"
	"github.com/mythos-project/mythos/store/layout"
)

// Intake takes byte strings and Merkle nodes that arrive one by one from elsewhere, and makes them durable together.
// Nothing refers to them yet: garbage collection spares them while the Intake is open, and for gc.Options.Grace after
// Sync. Its methods except Close may be called concurrently.
type Intake struct {
	s    *Store
	cold bool

	mu     sync.Mutex
	chunks ChunkPut          // nil until there is a large byte string
	put    map[string][]byte // what the next Sync writes
	size   int               // approximate size of put, in bytes
}

// NewIntake starts an Intake. A cold one is for data that is not read again soon, such as a transfer: it does not push
// data in use out of the page cache.
func (s *Store) NewIntake(cold bool) *Intake {
	return &Intake{s: s, cold: cold, put: map[string][]byte{}}
}

// PutBytes stores data of at most MaxBytes, which the caller may change afterwards. The error wraps ErrCorrupt if its
// hash is not h. It replaces damaged bytes with that hash.
func (in *Intake) PutBytes(ctx context.Context, h object.Hash, data []byte) error {
	if len(data) > MaxBytes {
		return fmt.Errorf("%d bytes: %w, at most %d", len(data), ErrTooLarge, MaxBytes)
	}
	if err := verify("bytes", data, h); err != nil {
		return err
	}
	if len(data) > SmallChunk {
		return in.large(ctx, h, data)
	}
	put, err := in.s.smallUpdate(ctx, h, data)
	if err != nil || put == nil {
		return err
	}
	put[kv.Bytes+h.String()] = bytes.Clone(notNil(data))
	return in.add(ctx, put, len(data))
}

// PutNode stores a Merkle node, which the caller may change afterwards. The error wraps ErrCorrupt if its bytes do not
// match the cid.
func (in *Intake) PutNode(ctx context.Context, cid object.Hash, raw []byte) error {
	if err := verify("node", raw, cid); err != nil {
		return err
	}
	return in.add(ctx, map[string][]byte{kv.Nodes + cid.String(): bytes.Clone(raw), layout.MarkKey(cid): {}}, len(raw))
}

// large puts a byte string with hash h into the chunk backend.
func (in *Intake) large(ctx context.Context, h object.Hash, data []byte) error {
	chunks, err := in.begun(ctx)
	if err != nil {
		return err
	}
	if err := in.s.doubtUnless(ctx, h, data); err != nil {
		return err
	}
	if err := chunks.PutChunk(ctx, h, data); err != nil {
		return err
	}
	return in.add(ctx, map[string][]byte{layout.MarkKey(h): {}}, 0)
}

// begun returns the chunk backend's put, which the first call begins.
func (in *Intake) begun(ctx context.Context) (ChunkPut, error) {
	in.mu.Lock()
	defer in.mu.Unlock()
	if in.chunks != nil {
		return in.chunks, nil
	}
	chunks, err := in.s.chunks.Begin(ctx, true)
	if err != nil {
		return nil, err
	}
	if c, ok := chunks.(ColdPut); ok && in.cold {
		c.Cold()
	}
	in.chunks = chunks
	return chunks, nil
}

// add collects keys, and writes them when there are many.
func (in *Intake) add(ctx context.Context, put map[string][]byte, n int) error {
	in.mu.Lock()
	maps.Copy(in.put, put)
	in.size += n + len(put)*perKey
	much := in.size >= maxPending
	in.mu.Unlock()
	if much {
		return in.Sync(ctx)
	}
	return nil
}

// Sync makes everything durable that was put before the call. After an error, rely on none of it.
func (in *Intake) Sync(ctx context.Context) error {
	in.mu.Lock()
	put, chunks := in.put, in.chunks
	in.put, in.size = map[string][]byte{}, 0
	in.mu.Unlock()
	if chunks != nil {
		if err := chunks.Sync(ctx); err != nil {
			return err
		}
	}
	if len(put) == 0 {
		return nil
	}
	_, err := in.s.kv.Update(ctx, nil, put)
	return err
}

// Close discards unsynced keys. Large byte strings may stay, so that an interrupted transfer can continue.
func (in *Intake) Close() error {
	if in.chunks == nil {
		return nil
	}
	err := in.chunks.Close()
	in.chunks = nil
	return err
}

// doubtUnless compares a stored chunk, if any, with the expected bytes.
func (s *Store) doubtUnless(ctx context.Context, h object.Hash, data []byte) error {
	have, err := s.chunks.Chunk(ctx, h)
	if errors.Is(err, ErrNotFound) || (err == nil && bytes.Equal(have, data)) {
		return nil
	}
	return s.chunks.Doubt(ctx, h)
}
