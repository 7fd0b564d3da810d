package dataset

import (
	"context"
	"fmt"
	"iter"

	"github.com/mythos-project/mythos/internal/par"
	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/object/merkle"
)

// blockSize is how many ids are passed on at once. It is a multiple of a leaf's size, so that no leaf is read twice; no
// result depends on it.
const blockSize = 16 * merkle.Fanout

// span is a range of indexes of a list.
type span struct{ from, to uint64 }

// blocks calls fn with the ids of a list, in order, a block at a time. Several goroutines read ahead. fn may keep the
// slice.
func blocks(ctx context.Context, nodes merkle.NodeReader, root object.Hash, workers int, fn func([]object.Hash) error) error {
	tree, err := merkle.OpenList(nodes, root)
	if err != nil {
		return fmt.Errorf("list %s: %w", root.Short(), err)
	}
	produce := func(_ context.Context, emit func(span) error) error {
		for from := uint64(0); from < tree.Len(); from += blockSize {
			if err := emit(span{from, min(from+blockSize, tree.Len())}); err != nil {
				return err
			}
		}
		return nil
	}
	read := func(ctx context.Context, s span) ([]object.Hash, error) {
		ids := make([]object.Hash, 0, s.to-s.from)
		err := tree.Walk(s.from, s.to, func(i uint64, c merkle.Chunk) error {
			ids = append(ids, c.Hash)
			if i%merkle.Fanout == 0 {
				return ctx.Err()
			}
			return nil
		})
		return ids, err
	}
	if err := par.Ordered(ctx, workers, produce, read, fn); err != nil {
		return fmt.Errorf("list %s: %w", root.Short(), err)
	}
	return nil
}

// cursor reads a strictly ascending list one id at a time. ok is false at the end. Close it after use.
type cursor struct {
	root object.Hash
	pull func() ([]object.Hash, error, bool)
	stop func()
	ids  []object.Hash // rest of the block, the current id first
	last object.Hash
	ok   bool
}

// openCursor returns a cursor at the first id.
func openCursor(ctx context.Context, nodes merkle.NodeReader, root object.Hash) (*cursor, error) {
	seq := func(yield func([]object.Hash, error) bool) {
		err := blocks(ctx, nodes, root, 1, func(ids []object.Hash) error {
			if !yield(ids, nil) {
				return errStop
			}
			return nil
		})
		if err != nil && !isStop(err) {
			yield(nil, err)
		}
	}
	c := &cursor{root: root}
	c.pull, c.stop = iter.Pull2(seq)
	if err := c.fill(); err != nil {
		c.stop()
		return nil, err
	}
	return c, nil
}

func (c *cursor) id() *object.Hash { return &c.ids[0] }

// next moves to the following id.
func (c *cursor) next() error {
	c.last = c.ids[0]
	if c.ids = c.ids[1:]; len(c.ids) == 0 {
		if err := c.fill(); err != nil || !c.ok {
			return err
		}
	}
	if c.last.Compare(c.ids[0]) >= 0 {
		return &unsortedError{c.root}
	}
	return nil
}

func (c *cursor) fill() error {
	ids, err, more := c.pull()
	c.ids, c.ok = ids, more && err == nil
	return err
}

// seek moves to the first id that is not less than id.
func (c *cursor) seek(id *object.Hash) error {
	for c.ok && c.id().Compare(*id) < 0 {
		if err := c.next(); err != nil {
			return err
		}
	}
	return nil
}

func (c *cursor) close() { c.stop() }
