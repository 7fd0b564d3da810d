package migrate

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	"github.com/mythos-project/mythos/internal/engine"
	"github.com/mythos-project/mythos/internal/par"
	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/store"
	"github.com/mythos-project/mythos/store/kv"
)

// Every key lies between these two. Keys below the first are the backend's own.
const (
	firstKey = "\x01"
	lastKey  = "\xff"
)

const (
	pageKeys  = 512     // keys read together
	pageBytes = 2 << 20 // bytes of them, unless a single one has more
	together  = 8       // chunks at the same time
)

// copier makes dst equal to src.
type copier struct {
	src, dst *engine.Engine
	bar      store.Progress

	moving  bool // others write to src: it does not matter if something is gone by the time it is read
	compare bool // write nothing: a difference is an error
}

// all copies the chunks, which keys name, and then the keys.
func (c *copier) all(ctx context.Context) error {
	put, err := c.dst.Chunks.Begin(ctx, true)
	if err != nil {
		return err
	}
	err = c.chunks(ctx, put)
	if err == nil {
		err = put.Sync(ctx)
	}
	if err == nil {
		err = c.keys(ctx)
	}
	return errors.Join(err, put.Close())
}

type chunk struct {
	h    object.Hash
	size int64
}

func (c *copier) chunks(ctx context.Context, put store.ChunkPut) error {
	return par.Ordered(ctx, together, func(ctx context.Context, emit func(chunk) error) error {
		return c.src.Chunks.ScanChunks(ctx, func(h object.Hash, size int64) error { return emit(chunk{h, size}) })
	}, func(ctx context.Context, ch chunk) (chunk, error) {
		return ch, c.chunk(ctx, put, ch)
	}, func(chunk) error {
		c.bar.Add(1)
		return nil
	})
}

// chunk copies a chunk, unless it already exists, and verifies it on the way.
func (c *copier) chunk(ctx context.Context, put store.ChunkPut, ch chunk) error {
	if have, err := put.FindChunk(ctx, ch.h, ch.size); err != nil || have {
		return err
	}
	data, err := c.src.Chunks.Chunk(ctx, ch.h)
	if c.moving && errors.Is(err, store.ErrNotFound) {
		return nil
	}
	if err == nil && object.Sum(data) != ch.h {
		err = fmt.Errorf("chunk %s: %w", ch.h, store.ErrCorrupt)
	}
	if err != nil {
		return err
	}
	return put.PutChunk(ctx, ch.h, data)
}

// errFull ends a page.
var errFull = errors.New("page is full")

// keys makes the keys of dst equal to those of src, page by page.
func (c *copier) keys(ctx context.Context) error {
	for from := firstKey; from < lastKey; {
		page, size, last := map[string][]byte{}, 0, ""
		err := c.src.DB.Scan(ctx, from, lastKey, func(key string, value []byte) error {
			size += len(key) + len(value)
			if len(page) == pageKeys || (len(page) > 0 && size > pageBytes) {
				return errFull
			}
			page[key], last = append([]byte{}, value...), key
			return nil
		})
		to := lastKey
		if errors.Is(err, errFull) {
			to = last + "\x00"
		} else if err != nil {
			return err
		}
		n := len(page)
		if err := c.page(ctx, from, to, page); err != nil {
			return err
		}
		c.bar.Add(int64(n))
		from = to
	}
	return nil
}

// page makes the keys of dst in [from, to) equal to those of the page, which has all of src's keys in this range.
func (c *copier) page(ctx context.Context, from, to string, page map[string][]byte) error {
	err := c.dst.DB.Scan(ctx, from, to, func(key string, value []byte) error {
		want, found := page[key]
		if found && bytes.Equal(want, value) {
			delete(page, key)
		} else if !found {
			page[key] = nil
		}
		return nil
	})
	if err != nil || len(page) == 0 {
		return err
	}
	if c.compare {
		for key := range page {
			return fmt.Errorf("%w: key %q is not what it was after it was copied", kv.ErrCorrupt, key)
		}
	}
	part := map[string][]byte{}
	for key, value := range page {
		if part[key] = value; len(part) == pageKeys {
			if err := c.write(ctx, part); err != nil {
				return err
			}
			clear(part)
		}
	}
	return c.write(ctx, part)
}

func (c *copier) write(ctx context.Context, put map[string][]byte) error {
	if len(put) == 0 {
		return nil
	}
	ok, err := c.dst.DB.Update(ctx, nil, put)
	if err == nil && !ok {
		err = errors.New("an update without conditions was refused")
	}
	return err
}
