package memory

import (
	"bytes"
	"context"

	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/store"
)

// chunk is a byte string with the time when a put last wrote or found it.
type chunk struct {
	data    []byte
	used    uint64
	doubted bool
}

// put is a running put: chunks used since its start are not collected.
type put struct{ d *DB }

func (d *DB) tick() uint64 {
	d.clock++
	return d.clock
}

// Begin implements store.Chunks; memory is never durable.
func (d *DB) Begin(context.Context, bool) (store.ChunkPut, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	p := &put{d}
	d.puts[p] = d.tick()
	return p, nil
}

// PutChunk implements store.ChunkPut.
func (p *put) PutChunk(_ context.Context, h object.Hash, data []byte) error {
	p.d.mu.Lock()
	defer p.d.mu.Unlock()
	if c, ok := p.d.chunks[h]; ok && !c.doubted {
		c.used = p.d.tick()
		return nil
	}
	p.d.chunks[h] = &chunk{data: bytes.Clone(data), used: p.d.tick()}
	return nil
}

// FindChunk implements store.ChunkPut.
func (p *put) FindChunk(_ context.Context, h object.Hash, size int64) (bool, error) {
	p.d.mu.Lock()
	defer p.d.mu.Unlock()
	c, ok := p.d.chunks[h]
	if !ok || c.doubted || int64(len(c.data)) != size {
		return false, nil
	}
	c.used = p.d.tick()
	return true, nil
}

// Sync implements store.ChunkPut; memory has nothing to sync.
func (p *put) Sync(context.Context) error { return nil }

// Close implements store.ChunkPut.
func (p *put) Close() error {
	p.d.mu.Lock()
	defer p.d.mu.Unlock()
	delete(p.d.puts, p)
	return nil
}

// sweep is a running garbage collection.
type sweep struct {
	d      *DB
	cutoff uint64
}

// Sweep implements store.Chunks.
func (d *DB) Sweep(context.Context) (store.ChunkSweep, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.sweeps > 0 {
		return nil, store.ErrCollecting
	}
	d.sweeps++
	s := &sweep{d, d.tick()}
	for _, start := range d.puts {
		s.cutoff = min(s.cutoff, start)
	}
	return s, nil
}

// Wanted implements store.ChunkSweep.
func (s *sweep) Wanted(_ context.Context, h object.Hash) (bool, error) {
	s.d.mu.RLock()
	defer s.d.mu.RUnlock()
	c, ok := s.d.chunks[h]
	return !ok || c.used >= s.cutoff, nil
}

// Delete implements store.ChunkSweep.
func (s *sweep) Delete(_ context.Context, h object.Hash) (bool, error) {
	s.d.mu.Lock()
	defer s.d.mu.Unlock()
	if c, ok := s.d.chunks[h]; !ok || c.used >= s.cutoff {
		return false, nil
	}
	delete(s.d.chunks, h)
	return true, nil
}

// Close implements store.ChunkSweep.
func (s *sweep) Close() error {
	s.d.mu.Lock()
	defer s.d.mu.Unlock()
	s.d.sweeps--
	return nil
}
