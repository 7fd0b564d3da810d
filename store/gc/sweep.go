package gc

import (
	"bytes"
	"context"
	"strings"

	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/store"
	"github.com/mythos-project/mythos/store/kv"
	"github.com/mythos-project/mythos/store/layout"
)

// condemn finds unreachable things and leaves marks.
func (c *collector) condemn(ctx context.Context) error {
	for _, space := range []string{kv.Nodes, kv.Bytes, kv.Packed} {
		err := c.s.KV().Scan(ctx, space, kv.End(space), func(key string, value []byte) error {
			h, err := object.ParseHash(key[len(space):])
			if err != nil || c.kept[h] {
				return err
			}
			return c.consider(ctx, doomed{h: h, key: key, size: len(value)})
		})
		if err != nil {
			return err
		}
	}
	err := c.s.Chunks().ScanChunks(ctx, func(h object.Hash, size int64) error {
		if c.kept[h] {
			return nil
		}
		return c.consider(ctx, doomed{h: h, size: int(size)})
	})
	if err != nil {
		return err
	}
	return c.flush(ctx)
}

// consider decides by the mark whether to delete something unreachable in this run.
func (c *collector) consider(ctx context.Context, d doomed) error {
	mark, found, err := c.s.KV().Get(ctx, layout.MarkKey(d.h))
	if err != nil {
		return err
	}
	since, isSeen := layout.SeenLoose(mark)
	fresh := found && len(mark) == 0
	switch {
	case !found && d.key == "":
		c.files = append(c.files, d)
		return nil
	case !found:
		mark = nil
	case fresh && c.o.Grace >= 0:
		c.rep.Waiting++
		return c.change(ctx, change{h: d.h, from: mark, to: layout.NewMark(layout.Loose, c.o.Now)})
	case isSeen && c.o.Grace >= 0 && c.o.Now < since.Add(c.o.Grace):
		c.rep.Waiting++
		return nil
	}
	d.loose, d.mark = found, layout.NewMark(layout.Dead, c.o.Now)
	if d.key == "" {
		c.files = append(c.files, d)
	} else {
		c.keys = append(c.keys, d)
	}
	// If somebody else has changed the mark, d.mark will not match later.
	return c.change(ctx, change{h: d.h, from: mark, to: d.mark})
}

// sweepKeys deletes the condemned keys that are still unreachable.
func (c *collector) sweepKeys(ctx context.Context) error {
	for _, d := range c.keys {
		next := change{h: d.h, from: d.mark, key: d.key, done: func() { c.count(d) }}
		if c.kept[d.h] {
			next = d.spare()
		}
		if err := c.change(ctx, next); err != nil {
			return err
		}
	}
	return c.flush(ctx)
}

// sweepFiles deletes the condemned chunk files that are still unreachable.
func (c *collector) sweepFiles(ctx context.Context) error {
	for _, d := range c.files {
		if err := ctx.Err(); err != nil {
			return err
		}
		gone := false
		if !c.kept[d.h] {
			var err error
			if gone, err = c.remove(ctx, d.h); err != nil {
				return err
			}
			if !gone {
				c.rep.Wanted++
			}
		}
		if gone {
			c.count(d)
		}
		if d.mark == nil {
			continue
		}
		next := d.spare()
		if gone {
			next.to = nil
		}
		if err := c.change(ctx, next); err != nil {
			return err
		}
	}
	return c.flush(ctx)
}

// remove deletes a chunk file, or reports whether it would.
func (c *collector) remove(ctx context.Context, h object.Hash) (bool, error) {
	if t, ok := c.sweep.(store.TrashSweep); ok && c.trash {
		return t.Discard(ctx, h, c.o.Now)
	}
	if !c.o.DryRun {
		return c.sweep.Delete(ctx, h)
	}
	wanted, err := c.sweep.Wanted(ctx, h)
	return !wanted, err
}

// spare replaces the mark of something that stays after all by the mark that puts leave.
func (d doomed) spare() change {
	next := change{h: d.h, from: d.mark}
	if d.loose {
		next.to = []byte{}
	}
	return next
}

func (c *collector) count(d doomed) {
	switch {
	case d.pack: // its dead parts are counted with their keys
	case strings.HasPrefix(d.key, kv.Nodes):
		c.rep.Nodes++
	default:
		c.rep.Chunks++
	}
	c.rep.Bytes += uint64(d.size)
}

// change replaces one mark by another, if the mark is unchanged, and may delete a key with it.
type change struct {
	h        object.Hash
	from, to []byte
	key      string
	done     func() // called if the change happened; may be nil
}

const maxChanges = 256 // in one update

// change queues one change.
func (c *collector) change(ctx context.Context, ch change) error {
	if c.changes = append(c.changes, ch); len(c.changes) < maxChanges {
		return nil
	}
	return c.flush(ctx)
}

// flush makes the queued changes together, or one by one if somebody else has changed one of the marks.
func (c *collector) flush(ctx context.Context) error {
	list := c.changes
	c.changes = nil
	ok, err := c.update(ctx, list)
	if err != nil || ok {
		return err
	}
	for i := range list {
		if _, err := c.update(ctx, list[i:i+1]); err != nil {
			return err
		}
	}
	return nil
}

// discard puts the value of a key into the trash.
func (c *collector) discard(ctx context.Context, key string, put map[string][]byte) error {
	if !c.trash {
		return nil
	}
	value, found, err := c.s.KV().Get(ctx, key)
	if err == nil && found {
		put[trashSpace+key] = discarded(c.o.Now, value)
	}
	return err
}

func (c *collector) update(ctx context.Context, list []change) (bool, error) {
	if !c.o.DryRun {
		check, put := map[string][]byte{}, map[string][]byte{}
		for _, ch := range list {
			check[layout.MarkKey(ch.h)] = ch.from
			if ch.key != "" {
				put[ch.key] = nil
				if err := c.discard(ctx, ch.key, put); err != nil {
					return false, err
				}
			}
			if ch.to == nil || !bytes.Equal(ch.from, ch.to) {
				put[layout.MarkKey(ch.h)] = ch.to
			}
		}
		if ok, err := c.s.KV().Update(ctx, check, put); err != nil || !ok {
			return ok, err
		}
	}
	for _, ch := range list {
		if ch.done != nil {
			ch.done()
		}
	}
	return true, nil
}
