package store

import (
	"context"
	"maps"
	"slices"

	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/store/kv"
	"github.com/mythos-project/mythos/store/layout"
)

const minPack = 128 << 10 // bytes of small byte strings; a smaller amount goes to the KV

// findPacked returns the place of a byte string in a pack.
func (s *byteStore) findPacked(ctx context.Context, h object.Hash) (layout.Spot, bool, error) {
	raw, found, err := s.kv.Get(ctx, kv.Packed+h.String())
	if err != nil || !found {
		return layout.Spot{}, false, err
	}
	p, err := layout.ParseSpot(raw)
	return p, err == nil, err
}

// slab holds the small byte strings of staged blobs, concatenated: a future pack.
type slab struct {
	data  []byte
	spots map[string]layout.Spot // by key, without the pack's hash
}

// slabStart is the capacity of a new slab. Many slabs hold one small blob.
const slabStart = 16 << 10

// newSlab returns an empty slab.
func (s *byteStore) newSlab() *slab {
	if p, ok := s.slabs.Get().(*slab); ok {
		return p
	}
	return &slab{make([]byte, 0, slabStart), map[string]layout.Spot{}}
}

// add appends a byte string unless it is there already, and returns it at its new place.
func (p *slab) add(key string, data []byte) []byte {
	at, twice := p.spots[key]
	if !twice {
		at = layout.Spot{Off: uint32(len(p.data)), N: uint32(len(data))}
		p.spots[key] = at
		if len(p.data)+len(data) > cap(p.data) { // grow at once to the size that the last byte string needs
			p.data = append(make([]byte, 0, max(maxStaged+2*SmallChunk, len(p.data)+len(data))), p.data...)
		}
		p.data = append(p.data, data...)
	}
	return p.data[at.Off : at.Off+at.N : at.Off+at.N]
}

// pack makes a pack from the small byte strings of a turn, if there are enough.
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

// repoint replaces byte strings by their places in the pack.
func (it *staged) repoint(pack object.Hash, spots map[string]layout.Spot) {
	for _, key := range slices.Collect(maps.Keys(it.put)) {
		if p, ok := spots[key]; ok {
			p.Pack = pack
			delete(it.put, key)
			it.put[kv.Packed+key[2:]] = p.Encode()
		}
	}
}
