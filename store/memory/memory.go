// Package memory keeps a store's keys and chunks in memory, for programs and tests that do not need a disk.
package memory

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"sync"

	"github.com/tidwall/btree"

	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/store"
)

var (
	_ store.KV     = (*DB)(nil)
	_ store.Chunks = (*DB)(nil)
)

// DB is a store.KV and a store.Chunks.
type DB struct {
	mu     sync.RWMutex
	keys   btree.Map[string, []byte]
	chunks map[object.Hash]*chunk
	clock  uint64          // grows with every put, sweep and chunk
	puts   map[*put]uint64 // running puts, with their start
	sweeps int             // running collections, 0 or 1
}

// New returns an empty DB.
func New() *DB {
	return &DB{chunks: map[object.Hash]*chunk{}, puts: map[*put]uint64{}}
}

// Get implements store.KV.
func (d *DB) Get(_ context.Context, key string) ([]byte, bool, error) {
	d.mu.RLock()
	defer d.mu.RUnlock()
	v, ok := d.keys.Get(key)
	if !ok {
		return nil, false, nil
	}
	return append([]byte{}, v...), true, nil
}

// Scan implements store.KV. It works on a snapshot of the keys, so that fn may
// use the DB.
func (d *DB) Scan(ctx context.Context, from, to string, fn func(string, []byte) error) error {
	d.mu.RLock()
	var keys []string
	var values [][]byte
	d.keys.Ascend(from, func(key string, value []byte) bool {
		if key >= to {
			return false
		}
		keys, values = append(keys, key), append(values, value)
		return true
	})
	d.mu.RUnlock()
	for i, k := range keys {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := fn(k, values[i]); err != nil {
			return err
		}
	}
	return nil
}

// Update implements store.KV.
func (d *DB) Update(_ context.Context, check, put map[string][]byte) (bool, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for k, want := range check {
		have, found := d.keys.Get(k)
		if found != (want != nil) || !bytes.Equal(have, want) {
			return false, nil
		}
	}
	for k, v := range put {
		if v == nil {
			d.keys.Delete(k)
			continue
		}
		d.keys.Set(k, bytes.Clone(v))
	}
	return true, nil
}

// Chunk implements store.Chunks.
func (d *DB) Chunk(_ context.Context, h object.Hash) ([]byte, error) {
	d.mu.RLock()
	defer d.mu.RUnlock()
	c, ok := d.chunks[h]
	if !ok {
		return nil, fmt.Errorf("chunk %s: %w", h.Short(), store.ErrNotFound)
	}
	return bytes.Clone(c.data), nil
}

// HasChunk implements store.Chunks.
func (d *DB) HasChunk(_ context.Context, h object.Hash) (bool, error) {
	d.mu.RLock()
	defer d.mu.RUnlock()
	_, ok := d.chunks[h]
	return ok, nil
}

// Doubt implements store.Chunks.
func (d *DB) Doubt(_ context.Context, h object.Hash) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if c, ok := d.chunks[h]; ok {
		c.doubted = true
	}
	return nil
}

// ScanChunks implements store.Chunks; the order is that of the hashes.
func (d *DB) ScanChunks(_ context.Context, fn func(object.Hash, int64) error) error {
	d.mu.RLock()
	sizes := make(map[object.Hash]int64, len(d.chunks))
	hashes := make([]object.Hash, 0, len(d.chunks))
	for h, c := range d.chunks {
		sizes[h] = int64(len(c.data))
		hashes = append(hashes, h)
	}
	d.mu.RUnlock()
	slices.SortFunc(hashes, object.Hash.Compare)
	for _, h := range hashes {
		if err := fn(h, sizes[h]); err != nil {
			return err
		}
	}
	return nil
}
