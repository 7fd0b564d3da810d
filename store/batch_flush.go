package store

import (
	"context"

	"github.com/mythos-project/mythos/store/kv"
)

// stage adds a blob. When many blobs have collected, it packs them in the background.
func (b *Batch) stage(ctx context.Context, it *staged) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.slab == nil {
		b.slab = b.s.newSlab()
	}
	b.items = append(b.items, it)
	b.size += perKey
	for key, v := range it.put {
		b.size += perKey
		switch key[:2] {
		case kv.Bytes:
			it.put[key] = b.slab.add(key, v)
		case kv.Nodes:
			b.nodes += len(v)
		}
	}
	if len(b.slab.data)+b.size+b.nodes < maxStaged && b.nodes < maxPending {
		return b.err
	}
	// Wait before beginning: a turn that has begun must not wait for later ones.
	b.mu.Unlock()
	b.turns <- struct{}{}
	b.mu.Lock()
	t := b.begin()
	go func() {
		b.flush(ctx, t, false)
		<-b.turns
	}()
	return b.err
}

// turn is one step of writing staged blobs; it follows an earlier one.
type turn struct {
	items []*staged
	slab  *slab
	after <-chan struct{}
	done  chan struct{}
}

// begin takes the staged blobs. mu is held.
func (b *Batch) begin() turn {
	t := turn{b.items, b.slab, b.under, make(chan struct{})}
	b.items, b.slab, b.size, b.nodes, b.under = nil, nil, 0, 0, t.done
	return t
}

// flush packs the blobs of a turn. It commits if asked to, or if enough has collected.
func (b *Batch) flush(ctx context.Context, t turn, commit bool) {
	defer close(t.done)
	if t.after != nil {
		<-t.after
	}
	b.mu.Lock()
	err := b.err
	b.mu.Unlock()
	if err == nil {
		err = b.pack(ctx, t)
	}
	for _, it := range t.items {
		if n := it.size(); err == nil && len(b.ready) > 0 && b.keys+n > maxUpdate {
			err = b.commitReady(ctx)
			b.ready, b.keys = append(b.ready, it), n
			continue
		}
		b.ready, b.keys = append(b.ready, it), b.keys+it.size()
	}
	if err == nil && commit {
		err = b.commitReady(ctx)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.err == nil {
		b.err = err
	}
}

// size is the approximate size of a blob's keys in an update.
func (it *staged) size() int {
	n := 3 * perKey
	for _, v := range it.put {
		n += len(v) + perKey
	}
	return n
}

// commitReady makes the large chunks durable and then writes the keys. The reference among them makes a blob visible.
func (b *Batch) commitReady(ctx context.Context) error {
	b.mu.Lock()
	chunks := b.chunks
	b.mu.Unlock()
	if chunks != nil {
		if err := chunks.Sync(ctx); err != nil {
			return err
		}
	}
	err := b.s.commit(ctx, b.ready)
	b.ready, b.keys = nil, 0
	return err
}
