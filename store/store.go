package store

import (
	"context"
	"encoding/hex"
	"fmt"
	"sync"

	"github.com/mythos-project/mythos/object"
)

// KV is an ordered key-value store shared by all rooms.
type KV interface {
	// Get returns the value of key, the caller's own copy.
	Get(ctx context.Context, key string) (value []byte, found bool, err error)
	// Scan calls fn for the keys in [from, to), ascending; value is valid during fn only.
	Scan(ctx context.Context, from, to string, fn func(key string, value []byte) error) error
	// Update applies all of put (a nil value deletes) if every key in check has
	// exactly that value (nil: is absent), and reports whether it did. What it did
	// is durable when it returns. Concurrent callers share a sync.
	Update(ctx context.Context, check, put map[string][]byte) (ok bool, err error)
}

// Chunks keeps byte strings by hash. PutChunk may leave durability to Sync; a
// chunk whose put did not finish is never visible.
type Chunks interface {
	PutChunk(ctx context.Context, h object.Hash, data []byte) error
	Chunk(ctx context.Context, h object.Hash) ([]byte, error) // error wraps ErrNotFound
	HasChunk(ctx context.Context, h object.Hash) (bool, error)
	DeleteChunk(ctx context.Context, h object.Hash) error
	ScanChunks(ctx context.Context, fn func(h object.Hash, size int64) error) error
	Sync(ctx context.Context) error
}

// SmallChunk is the largest chunk, in bytes, that goes into the KV instead of
// the chunk backend.
const SmallChunk = 64 << 10

// MaxBytes is the largest byte string that PutBytes takes.
const MaxBytes = 64 << 20

// Store is a content-addressed store. It is safe for concurrent use.
type Store struct {
	kv     KV
	chunks Chunks
	// running counts puts, so that GC waits for them and they for it.
	running sync.RWMutex
}

// New returns the store over two backends.
func New(kv KV, chunks Chunks) *Store { return &Store{kv: kv, chunks: chunks} }

// KV is the key-value store below.
func (s *Store) KV() KV { return s.kv }

func after(prefix string) string { return prefix + "\xff" }

// parseKeyHash reads the hash at the end of a key.
func parseKeyHash(key, prefix string) (object.Hash, error) {
	return object.ParseHash(key[len(prefix):])
}

// PutBytes keeps data of at most MaxBytes under its hash, durably.
func (s *Store) PutBytes(ctx context.Context, data []byte) (object.Hash, error) {
	h := object.Sum(data)
	if data == nil {
		data = []byte{} // a nil value would mean absence
	}
	if len(data) > MaxBytes {
		return h, fmt.Errorf("%d bytes: %w, at most %d", len(data), ErrTooLarge, MaxBytes)
	}
	s.running.RLock()
	defer s.running.RUnlock()
	if len(data) <= SmallChunk {
		return h, s.putAbsent(ctx, map[string][]byte{"c/" + h.String(): data})
	}
	if err := s.chunks.PutChunk(ctx, h, data); err != nil {
		return h, err
	}
	return h, s.chunks.Sync(ctx)
}

// putAbsent writes content-addressed keys, leaving out those that are there.
func (s *Store) putAbsent(ctx context.Context, put map[string][]byte) error {
	for key := range put {
		_, found, err := s.kv.Get(ctx, key)
		if err != nil {
			return err
		}
		if found {
			delete(put, key)
		}
	}
	if len(put) == 0 {
		return nil
	}
	_, err := s.kv.Update(ctx, nil, put)
	return err
}

// Bytes returns the byte string with hash h, verified. Errors wrap ErrNotFound
// or ErrCorrupt.
func (s *Store) Bytes(ctx context.Context, h object.Hash) ([]byte, error) {
	data, found, err := s.kv.Get(ctx, "c/"+h.String())
	if err != nil {
		return nil, err
	}
	if !found {
		if data, err = s.chunks.Chunk(ctx, h); err != nil {
			return nil, fmt.Errorf("bytes %s: %w", h.Short(), err)
		}
	}
	return data, verify("bytes", data, h)
}

// HasBytes reports whether a byte string is here, without reading it.
func (s *Store) HasBytes(ctx context.Context, h object.Hash) (bool, error) {
	if _, found, err := s.kv.Get(ctx, "c/"+h.String()); err != nil || found {
		return found, err
	}
	return s.chunks.HasChunk(ctx, h)
}

func verify(what string, data []byte, h object.Hash) error {
	if got := object.Sum(data); got != h {
		return fmt.Errorf("%s %s: %w: they hash to %s", what, h.Short(), ErrCorrupt, got.Short())
	}
	return nil
}

func digest(value []byte) (object.Hash, error) {
	if len(value) != 32 {
		return object.Hash{}, fmt.Errorf("%w: %s is no digest", ErrCorrupt, hex.EncodeToString(value))
	}
	return object.HashOf([32]byte(value)), nil
}
