package store

import (
	"context"
	"encoding/hex"
	"fmt"

	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/store/kv"
	"github.com/mythos-project/mythos/store/layout"
)

// KV is an ordered key-value store shared by all rooms.
type KV = kv.KV

// Chunks keeps the large byte strings by hash. It need not check hashes.
type Chunks interface {
	// Begin starts a put; nothing that it puts or finds is collected before it is
	// closed. A durable put relies on nothing that a crash could take away.
	Begin(ctx context.Context, durable bool) (ChunkPut, error)
	// Sweep starts a garbage collection. It must come before the collector looks
	// for what is reachable.
	Sweep(ctx context.Context) (ChunkSweep, error)
	Chunk(ctx context.Context, h object.Hash) ([]byte, error) // error wraps ErrNotFound
	HasChunk(ctx context.Context, h object.Hash) (bool, error)
	// Doubt takes note that a chunk is damaged: the next put writes it anew. Until
	// then it stays as it is. A chunk that is not here is no error.
	Doubt(ctx context.Context, h object.Hash) error
	// ScanChunks calls fn for all chunks, ascending.
	ScanChunks(ctx context.Context, fn func(h object.Hash, size int64) error) error
}

// ChunkPut is a running put.
type ChunkPut interface {
	// PutChunk keeps data, which the caller may change afterwards. A chunk that is
	// not whole is never visible.
	PutChunk(ctx context.Context, h object.Hash, data []byte) error
	// FindChunk reports whether a chunk of size bytes is here that PutChunk would leave as it
	// is; then it counts as put.
	FindChunk(ctx context.Context, h object.Hash, size int64) (bool, error)
	// Sync makes everything put or found so far durable, where the put is durable.
	Sync(ctx context.Context) error
	Close() error
}

// ColdPut is what a ChunkPut may offer besides: Cold says that what is put is not read
// again soon, so that the memory that its pages take can serve the next ones.
type ColdPut interface{ Cold() }

// ChunkSweep is a running garbage collection.
type ChunkSweep interface {
	// Wanted reports whether a put that may not have ended wants the chunk.
	Wanted(ctx context.Context, h object.Hash) (bool, error)
	// Delete removes a chunk unless it is wanted, and reports whether it did.
	Delete(ctx context.Context, h object.Hash) (bool, error)
	Close() error
}

// TrashSweep is what a ChunkSweep may offer besides: Discard is Delete, and the chunk can
// be brought back. Without it a chunk is deleted at once.
type TrashSweep interface {
	Discard(ctx context.Context, h object.Hash, now object.Time) (bool, error)
}

// ChunkTrash is what a Chunks may offer besides: the trash of its TrashSweep.
type ChunkTrash interface {
	ScanTrash(ctx context.Context, fn func(h object.Hash, size int64, since object.Time) error) error
	RestoreTrash(ctx context.Context) error
	// EmptyTrash deletes what was discarded before a point in time.
	EmptyTrash(ctx context.Context, before object.Time) error
}

// ChunkReader is what a Chunks may offer besides: reading into a caller's buffer,
// which is replaced when it is too small. It calls seen with each piece that it has
// read, in order, so that anyone who hashes them finds them in the processor's cache.
// Without it every read makes a buffer of its own.
type ChunkReader interface {
	ReadChunk(ctx context.Context, h object.Hash, buf []byte, seen func(piece []byte)) ([]byte, error)
}

// Reclaimer is what a KV may offer besides: giving the space of deleted keys back
// to the disk. Without it the space is used again.
type Reclaimer interface {
	Reclaim(ctx context.Context) error
}

// Verifier is what a KV may offer besides: reading everything that it keeps, whether or
// not anybody asks for it, and checking it. The error wraps ErrCorrupt.
type Verifier interface {
	Verify(ctx context.Context) error
}

// Reserver is what a KV may offer besides: making sure, before something is begun, that
// updates of so many bytes will find room when it ends. free gives back what is not needed
// any more. The error wraps syscall.ENOSPC.
type Reserver interface {
	Reserve(ctx context.Context, bytes int64) (free func(), err error)
}

// Reserve is the Reserver's, where the KV is one.
func (s *Store) Reserve(ctx context.Context, bytes int64) (free func(), err error) {
	if r, ok := s.kv.(Reserver); ok {
		return r.Reserve(ctx, bytes)
	}
	return func() {}, nil
}

// Progress is told what there is to do, as that becomes known, and what was done.
type Progress interface {
	Total(more int64)
	Add(done int64)
}

type roomKey struct{}

// MakingRoom marks updates that free more than they take: a KV lets them use what it
// keeps in reserve, so that something can be removed from a full disk.
func MakingRoom(ctx context.Context) context.Context { return context.WithValue(ctx, roomKey{}, true) }

// MakesRoom reports whether ctx is one of MakingRoom.
func MakesRoom(ctx context.Context) bool { return ctx.Value(roomKey{}) != nil }

// SmallChunk is the largest chunk, in bytes, that goes into the KV instead of
// the chunk backend.
const SmallChunk = layout.MaxSmall

// MaxBytes is the largest byte string that PutBytes takes.
const MaxBytes = 64 << 20

// Store is a content-addressed store. It is safe for concurrent use, and by any
// number of processes as far as its backends are.
type Store struct {
	kv KV
	byteStore
	records
	refs
	pins
}

// The parts of a Store that need the KV alone.
type records struct{ kv KV } // objects, and what an abbreviated hash means
type refs struct{ kv KV }
type pins struct{ kv KV }

// New returns the store over two backends.
func New(kv KV, chunks Chunks) *Store {
	return &Store{kv: kv, byteStore: byteStore{kv: kv, chunks: chunks}, records: records{kv}, refs: refs{kv}, pins: pins{kv}}
}

// KV is the key-value store below.
func (s *Store) KV() KV { return s.kv }

// Chunks is the chunk backend below.
func (s *Store) Chunks() Chunks { return s.chunks }

// buffer returns n bytes of unknown content; release gives them back.
func (s *byteStore) buffer(n int) []byte {
	if b, ok := s.buffers.Get().(*[]byte); ok && cap(*b) >= n {
		return (*b)[:n]
	}
	return make([]byte, n)
}

func (s *byteStore) release(b []byte) { s.buffers.Put(&b) }

// releaseAll gives back the buffers that lie in a channel.
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
		return object.Hash{}, fmt.Errorf("%w: %s is no digest", ErrCorrupt, hex.EncodeToString(value))
	}
	return object.HashOf([32]byte(value)), nil
}
