package store

import (
	"context"
	"encoding/hex"
	"fmt"

	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/store/kv"
	"github.com/mythos-project/mythos/store/layout"
)

// KV is an ordered key-value store shared by all packages.
type KV = kv.KV

// Chunks stores the large byte strings by hash. It need not check hashes.
type Chunks interface {
	// Begin starts a put. Nothing that it puts or finds is collected before it is closed. A durable put relies only on
	// data that survives a crash.
	Begin(ctx context.Context, durable bool) (ChunkPut, error)
	// Sweep starts a garbage collection. Call it before determining what is reachable.
	Sweep(ctx context.Context) (ChunkSweep, error)
	Chunk(ctx context.Context, h object.Hash) ([]byte, error) // error wraps ErrNotFound
	HasChunk(ctx context.Context, h object.Hash) (bool, error)
	// Doubt records that a chunk is damaged: the next put writes it again. Until then it stays unchanged. A chunk that
	// is not here is not an error.
	Doubt(ctx context.Context, h object.Hash) error
	// ScanChunks calls fn for all chunks, ascending.
	ScanChunks(ctx context.Context, fn func(h object.Hash, size int64) error) error
}

// ChunkPut is a running put.
type ChunkPut interface {
	// PutChunk stores data, which the caller may change afterwards. An incomplete chunk is never visible.
	PutChunk(ctx context.Context, h object.Hash, data []byte) error
	// FindChunk reports whether a chunk of size bytes is here that PutChunk would leave unchanged. If so, it counts as
	// put.
	FindChunk(ctx context.Context, h object.Hash, size int64) (bool, error)
	// Sync makes everything put or found so far durable, if the put is durable.
	Sync(ctx context.Context) error
	Close() error
}

// ColdPut is an optional ability of a ChunkPut. Cold announces that the data is not read again soon, so that its pages
// can be reused.
type ColdPut interface{ Cold() }

// ChunkSweep is a running garbage collection.
type ChunkSweep interface {
	// Wanted reports whether a put that may still be running wants the chunk.
	Wanted(ctx context.Context, h object.Hash) (bool, error)
	// Delete removes a chunk unless it is wanted, and reports whether it removed it.
	Delete(ctx context.Context, h object.Hash) (bool, error)
	Close() error
}

// TrashSweep is an optional ability of a ChunkSweep. Discard is Delete for a chunk that may be restored later. Without
// it a chunk is deleted at once.
type TrashSweep interface {
	Discard(ctx context.Context, h object.Hash, now object.Time) (bool, error)
}

// ChunkTrash is an optional ability of Chunks: the trash of its TrashSweep.
type ChunkTrash interface {
	ScanTrash(ctx context.Context, fn func(h object.Hash, size int64, since object.Time) error) error
	RestoreTrash(ctx context.Context) error
	// EmptyTrash deletes what was discarded before a point in time.
	EmptyTrash(ctx context.Context, before object.Time) error
}

// ChunkReader is an optional ability of Chunks: reading into the caller's buffer, which is replaced if it is too small.
// It calls seen with each piece after reading it, in order, so that a caller who hashes the pieces finds them in the
// processor's cache. Without it every read allocates a buffer.
type ChunkReader interface {
	ReadChunk(ctx context.Context, h object.Hash, buf []byte, seen func(piece []byte)) ([]byte, error)
}

// Reclaimer is an optional ability of a KV: returning the space of deleted keys to the disk. Without it the KV only
// reuses the space.
type Reclaimer interface {
	Reclaim(ctx context.Context) error
}

// Verifier is an optional ability of a KV: reading and checking all its data. The error wraps ErrCorrupt.
type Verifier interface {
	Verify(ctx context.Context) error
}

// Reserver is an optional ability of a KV: guaranteeing, before a task begins, room for updates of so many bytes at its
// end. free returns the unused room. The error wraps syscall.ENOSPC.
type Reserver interface {
	Reserve(ctx context.Context, bytes int64) (free func(), err error)
}

// Reserve calls the KV's Reserver, if it is one.
func (s *Store) Reserve(ctx context.Context, bytes int64) (free func(), err error) {
	if r, ok := s.kv.(Reserver); ok {
		return r.Reserve(ctx, bytes)
	}
	return func() {}, nil
}

// Progress receives the amount of work, as it becomes known, and the work done.
type Progress interface {
	Total(more int64)
	Add(done int64)
}

type roomKey struct{}

// MakingRoom marks updates that free more than they take. A KV lets them use its reserve, so that something can be
// removed from a full disk.
func MakingRoom(ctx context.Context) context.Context { return context.WithValue(ctx, roomKey{}, true) }

// MakesRoom reports whether ctx comes from MakingRoom.
func MakesRoom(ctx context.Context) bool { return ctx.Value(roomKey{}) != nil }

// SmallChunk is the largest chunk, in bytes, that goes into the KV instead of
// the chunk backend.
const SmallChunk = layout.MaxSmall

// MaxBytes is the largest byte string that PutBytes takes.
const MaxBytes = 64 << 20

// Store is a content-addressed store. It is safe for concurrent use, and for use by several processes if its backends
// are.
type Store struct {
	kv KV
	byteStore
	records
	refs
	pins
}

// The parts of a Store that need only the KV.
type records struct{ kv KV } // objects, and the meaning of an abbreviated hash
type refs struct{ kv KV }
type pins struct{ kv KV }

// New returns a store over two backends.
func New(kv KV, chunks Chunks) *Store {
	return &Store{kv: kv, byteStore: byteStore{kv: kv, chunks: chunks}, records: records{kv}, refs: refs{kv}, pins: pins{kv}}
}

// KV is the store's key-value backend.
func (s *Store) KV() KV { return s.kv }

// Chunks is the store's chunk backend.
func (s *Store) Chunks() Chunks { return s.chunks }

// buffer returns n bytes of arbitrary content; release takes them back.
func (s *byteStore) buffer(n int) []byte {
	if b, ok := s.buffers.Get().(*[]byte); ok && cap(*b) >= n {
		return (*b)[:n]
	}
	return make([]byte, n)
}

func (s *byteStore) release(b []byte) { s.buffers.Put(&b) }

// releaseAll takes back the buffers in a channel.
func (s *byteStore) releaseAll(free <-chan []byte) {
	for len(free) > 0 {
		if buf := <-free; buf != nil {
			s.release(buf)
		}
	}
}

// parseKeyHash reads the hash at the end of a key.
func parseKeyHash(key, prefix string) (object.Hash, error) {
	return object.ParseHash(key[len(prefix):])
}

func verify(what string, data []byte, h object.Hash) error {
	return verifySum(what, object.Sum(data), h)
}

func verifySum(what string, got, h object.Hash) error {
	if got != h {
		return fmt.Errorf("%s %s: %w: they hash to %s", what, h.Short(), ErrCorrupt, got.Short())
	}
	return nil
}

func digest(value []byte) (object.Hash, error) {
	if len(value) != 32 {
		return object.Hash{}, fmt.Errorf("%w: %s is not a digest", ErrCorrupt, hex.EncodeToString(value))
	}
	return object.HashOf([32]byte(value)), nil
}
