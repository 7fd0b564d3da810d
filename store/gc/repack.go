package gc

import (
	"context"
	"errors"
	"fmt"
	"maps"

	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/store"
	"github.com/mythos-project/mythos/store/kv"
	"github.com/mythos-project/mythos/store/layout"
)

// packSize is the size of a rewritten pack, in bytes.
const packSize = 4 << 20

// packs finds the packs with live data, and how much each has.
func (c *collector) packs(ctx context.Context) error {
	c.live = map[object.Hash]int64{}
	return c.entries(ctx, func(_ string, p layout.Spot, _ []byte) error {
		c.kept[p.Pack] = true
		c.live[p.Pack] += int64(p.N)
		return nil
	})
}

// entries calls fn for every small byte string that is in a pack and stays.
func (c *collector) entries(ctx context.Context, fn func(key string, p layout.Spot, raw []byte) error) error {
	gone := map[string]bool{} // keys that a dry run would have deleted
	if c.o.DryRun {
		for _, d := range c.keys {
			gone[d.key] = !c.kept[d.h]
		}
	}
	return c.s.KV().Scan(ctx, kv.Packed, kv.End(kv.Packed), func(key string, raw []byte) error {
		p, err := layout.ParseSpot(raw)
		if err != nil || gone[key] {
			return err
		}
		return fn(key, p, raw)
	})
}

// repack copies the live data out of packs more than half of which is dead, so that they can be deleted.
func (c *collector) repack(ctx context.Context) error {
	sparse := map[object.Hash]int64{} // with their sizes
	err := c.s.Chunks().ScanChunks(ctx, func(h object.Hash, size int64) error {
		if live, ok := c.live[h]; ok && 2*live < size {
			sparse[h] = size
		}
		return ctx.Err()
	})
	if err != nil || len(sparse) == 0 {
		return err
	}
	r := &repacker{c: c, held: map[object.Hash]bool{}}
	err = c.entries(ctx, func(key string, p layout.Spot, raw []byte) error {
		if sparse[p.Pack] == 0 || r.held[p.Pack] {
			return nil
		}
		return r.add(ctx, key, p, raw)
	})
	if err == nil {
		err = r.write(ctx)
	}
	if err == nil {
		c.release(sparse, r.held)
	}
	return err
}

// release frees the packs whose live data was copied. At the first look most of them counted as unreachable files,
// because their content was not yet known.
func (c *collector) release(sparse map[object.Hash]int64, held map[object.Hash]bool) {
	maps.DeleteFunc(sparse, func(h object.Hash, _ int64) bool { return held[h] })
	for h := range sparse {
		delete(c.kept, h)
		c.rep.Repacked++
	}
	for i, d := range c.files {
		if size := sparse[d.h]; size > 0 {
			c.files[i].pack, c.files[i].size = true, int(size-c.live[d.h])
			delete(sparse, d.h)
		}
	}
	for h, size := range sparse {
		c.files = append(c.files, doomed{h: h, size: int(size - c.live[h]), pack: true})
	}
}

// repacker collects small byte strings for a new pack.
type repacker struct {
	c       *collector
	held    map[object.Hash]bool // old packs that have to stay
	data    []byte
	entries []moved
}

// moved is an entry and its old value.
type moved struct {
	key      string
	from     []byte
	old, new layout.Spot
}

// add adds one byte string. A damaged one keeps its pack, so that fsck finds it.
func (r *repacker) add(ctx context.Context, key string, p layout.Spot, raw []byte) error {
	if r.c.o.DryRun {
		return nil
	}
	h, err := object.ParseHash(key[len(kv.Packed):])
	if err != nil {
		return err
	}
	data, err := p.Read(ctx, r.c.s.Chunks())
	if err == nil && object.Sum(data) != h {
		err = store.ErrCorrupt
	}
	if errors.Is(err, store.ErrCorrupt) || errors.Is(err, store.ErrNotFound) {
		r.held[p.Pack] = true
		return nil
	}
	if err != nil {
		return err
	}
	m := moved{key: key, from: append([]byte{}, raw...), old: p, new: layout.Spot{Off: uint32(len(r.data)), N: p.N}}
	r.entries, r.data = append(r.entries, m), append(r.data, data...)
	if len(r.data) < packSize {
		return nil
	}
	return r.write(ctx)
}

// write makes the new pack durable and points the entries to it.
func (r *repacker) write(ctx context.Context) (err error) {
	if len(r.entries) == 0 {
		return nil
	}
	h := object.Sum(r.data)
	put, err := r.c.s.Chunks().Begin(ctx, true)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, put.Close()) }()
	if err := errors.Join(put.PutChunk(ctx, h, r.data), put.Sync(ctx)); err != nil {
		return fmt.Errorf("pack %s: %w", h.Short(), err)
	}
	r.c.kept[h] = true
	for len(r.entries) > 0 {
		n := min(len(r.entries), maxChanges)
		if err := r.point(ctx, h, r.entries[:n]); err != nil {
			return err
		}
		r.entries = r.entries[n:]
	}
	r.data = r.data[:0]
	return nil
}

// point changes entries together, or one by one if somebody else has changed one.
func (r *repacker) point(ctx context.Context, pack object.Hash, list []moved) error {
	check, put := map[string][]byte{}, map[string][]byte{}
	for _, m := range list {
		m.new.Pack = pack
		check[m.key], put[m.key] = m.from, m.new.Encode()
	}
	ok, err := r.c.s.KV().Update(ctx, check, put)
	if err != nil || ok {
		return err
	}
	if len(list) == 1 {
		r.held[list[0].old.Pack] = true
		return nil
	}
	for i := range list {
		if err := r.point(ctx, pack, list[i:i+1]); err != nil {
			return err
		}
	}
	return nil
}
