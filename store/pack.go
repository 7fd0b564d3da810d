package store

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"maps"
	"slices"

	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/store/kv"
)

// A pack is a chunk of the chunk backend that holds many small byte strings, one
// after the other. A batch makes one when it has enough of them: one file with one
// sync costs a fraction of what they would cost in the KV. Where they lie is in
// the KV:
//
//	i/<hash>  the digest of the pack, offset u32, length u32 (big-endian)
//
// The pack is durable before its entries are written.
const (
	minPack    = 128 << 10 // bytes; fewer go to the KV
	packedSpot = 32 + 4 + 4
)

// spot is where a packed byte string lies.
type spot struct {
	pack   object.Hash
	off, n uint32
}

func (p spot) encode() []byte {
	b := append([]byte{}, p.pack.Sum[:]...)
	b = binary.BigEndian.AppendUint32(b, p.off)
	return binary.BigEndian.AppendUint32(b, p.n)
}

func parseSpot(b []byte) (spot, error) {
	if len(b) != packedSpot {
		return spot{}, fmt.Errorf("%w: place in a pack of %d bytes", ErrCorrupt, len(b))
	}
	p := spot{object.HashOf([32]byte(b)), binary.BigEndian.Uint32(b[32:]), binary.BigEndian.Uint32(b[36:])}
	if p.n > SmallChunk {
		return spot{}, fmt.Errorf("%w: place in a pack for %d bytes", ErrCorrupt, p.n)
	}
	return p, nil
}

// ChunkRanger is what a Chunks may offer besides: reading a part of a chunk. The
// error wraps ErrCorrupt when the chunk is shorter. Without it whole packs are read.
type ChunkRanger interface {
	ChunkRange(ctx context.Context, h object.Hash, off int64, n int) ([]byte, error)
}

// findPacked returns where a byte string lies.
func (s *byteStore) findPacked(ctx context.Context, h object.Hash) (spot, bool, error) {
	raw, found, err := s.kv.Get(ctx, kv.Packed+h.String())
	if err != nil || !found {
		return spot{}, false, err
	}
	p, err := parseSpot(raw)
	return p, err == nil, err
}

// packed reads a part of a pack; the caller checks it against its own hash.
func (s *byteStore) packed(ctx context.Context, p spot) ([]byte, error) {
	if r, ok := s.chunks.(ChunkRanger); ok {
		return r.ChunkRange(ctx, p.pack, int64(p.off), int(p.n))
	}
	data, err := s.chunks.Chunk(ctx, p.pack)
	if err != nil {
		return nil, err
	}
	if int64(len(data)) < int64(p.off)+int64(p.n) {
		return nil, fmt.Errorf("pack %s: %w: it is too short", p.pack.Short(), ErrCorrupt)
	}
	return bytes.Clone(data[p.off : p.off+p.n]), nil
}

// slab holds the small byte strings of staged blobs, one after the other: a pack in
// the making.
type slab struct {
	data  []byte
	spots map[string]spot // by key, without the pack's hash
}

// slabStart is the room of a slab that was not used before. Many hold one small blob.
const slabStart = 16 << 10

// newSlab returns an empty one.
func (s *byteStore) newSlab() *slab {
	if p, ok := s.slabs.Get().(*slab); ok {
		return p
	}
	return &slab{make([]byte, 0, slabStart), map[string]spot{}}
}

// add takes a byte string, once, and returns it where it lies now.
func (p *slab) add(key string, data []byte) []byte {
	at, twice := p.spots[key]
	if !twice {
		at = spot{off: uint32(len(p.data)), n: uint32(len(data))}
		p.spots[key] = at
		if len(p.data)+len(data) > cap(p.data) { // once: there is room for the last byte string, too
			p.data = append(make([]byte, 0, max(maxStaged+2*SmallChunk, len(p.data)+len(data))), p.data...)
		}
		p.data = append(p.data, data...)
	}
	return p.data[at.off : at.off+at.n : at.off+at.n]
}

// pack makes a pack of the small byte strings of a turn, when there are enough of them.
func (b *Batch) pack(ctx context.Context, t turn) error {
	if t.slab == nil || len(t.slab.data) < minPack {
		return nil
	}
	h := object.Sum(t.slab.data)
	chunks, err := b.begun(ctx)
	if err != nil {
		return err
	}
	if err := chunks.PutChunk(ctx, h, t.slab.data); err != nil {
		return err
	}
	for _, it := range t.items {
		it.repoint(h, t.slab.spots)
	}
	t.slab.data = t.slab.data[:0]
	clear(t.slab.spots)
	b.s.slabs.Put(t.slab)
	return nil
}

// repoint replaces byte strings by their places.
func (it *staged) repoint(pack object.Hash, spots map[string]spot) {
	for _, key := range slices.Collect(maps.Keys(it.put)) {
		if p, ok := spots[key]; ok {
			p.pack = pack
			delete(it.put, key)
			it.put[kv.Packed+key[2:]] = p.encode()
		}
	}
}
