package dataset

import (
	"context"
	"errors"
	"fmt"

	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/object/merkle"
)

// errStop ends a stream early; it is not a failure.
var errStop = errors.New("stop")

func isStop(err error) bool { return errors.Is(err, errStop) }

// unsortedError means that a corpus is not strictly ascending, so that the stream so far may have an id twice.
type unsortedError struct{ root object.Hash }

func (e *unsortedError) Error() string {
	return fmt.Sprintf("corpus %s is not ascending", e.root.Short())
}

// batch is a block of new ids of a stream.
type batch struct {
	ids      []object.Hash
	unsorted *object.Hash // the corpus that turned out not to be ascending
}

// pieceSize is how many episodes a goroutine evaluates at once, if evaluating loads them.
const pieceSize = 1024

// pieces emits a batch in smaller pieces.
func (b batch) pieces(size int, emit func(batch) error) error {
	for len(b.ids) > size {
		if err := emit(batch{ids: b.ids[:size], unsorted: b.unsorted}); err != nil {
			return err
		}
		b = batch{ids: b.ids[size:]}
	}
	return emit(b)
}

// stream emits every id of the corpora once.
type stream struct {
	nodes   merkle.NodeReader
	roots   []object.Hash // ascending, unique
	workers int
	inOrder bool // in streaming order: corpus after corpus
	loose   bool // the corpora need not be ascending; costs all ids in memory
}

// run calls emit with blocks of ids. Without inOrder, only the order of the ids is unspecified. Unless loose, it fails
// with an *unsortedError if a corpus is not strictly ascending.
func (s *stream) run(ctx context.Context, emit func(batch) error) error {
	switch {
	case s.loose:
		return s.remembering(ctx, emit)
	case len(s.roots) == 1:
		return s.one(ctx, emit)
	case s.inOrder:
		return s.following(ctx, emit)
	}
	return s.merging(ctx, emit)
}

// one streams a single corpus.
func (s *stream) one(ctx context.Context, emit func(batch) error) error {
	var last object.Hash
	return blocks(ctx, s.nodes, s.roots[0], s.workers, func(ids []object.Hash) error {
		if !strictlyAfter(last, ids) {
			return &unsortedError{s.roots[0]}
		}
		last = ids[len(ids)-1]
		return emit(batch{ids: ids})
	})
}

// strictlyAfter reports whether ids ascend strictly, and begin after last.
func strictlyAfter(last object.Hash, ids []object.Hash) bool {
	for i := range ids {
		if last.Compare(ids[i]) >= 0 {
			return false
		}
		last = ids[i]
	}
	return true
}

// remembering streams corpora in any order, and remembers the ids that it has seen.
func (s *stream) remembering(ctx context.Context, emit func(batch) error) error {
	seen := map[object.Hash]struct{}{}
	for _, root := range s.roots {
		var last object.Hash
		warned := false
		err := blocks(ctx, s.nodes, root, s.workers, func(ids []object.Hash) error {
			var b batch
			if !warned && !strictlyAfter(last, ids) {
				warned, b.unsorted = true, &root
			}
			last = ids[len(ids)-1]
			b.ids = ids[:0]
			for _, id := range ids {
				if _, twice := seen[id]; !twice {
					seen[id] = struct{}{}
					b.ids = append(b.ids, id)
				}
			}
			return emitSome(b, emit)
		})
		if err != nil {
			return err
		}
	}
	return nil
}

func emitSome(b batch, emit func(batch) error) error {
	if len(b.ids) == 0 && b.unsorted == nil {
		return nil
	}
	return emit(b)
}

// merging streams ascending corpora as one ascending list. It holds a few blocks of each. Cost: log(corpora)
// comparisons per id.
func (s *stream) merging(ctx context.Context, emit func(batch) error) error {
	cursors, err := s.open(ctx, s.roots)
	defer closeAll(cursors)
	if err != nil {
		return err
	}
	m := newMerge(cursors)
	var last object.Hash
	out := make([]object.Hash, 0, blockSize)
	for m.more() {
		id := *m.least().id()
		if id != last {
			out = append(out, id)
			last = id
		}
		if len(out) == blockSize {
			if err := emit(batch{ids: out}); err != nil {
				return err
			}
			out = make([]object.Hash, 0, blockSize)
		}
		if err := m.advance(); err != nil {
			return err
		}
	}
	return emitSome(batch{ids: out}, emit)
}

// following streams ascending corpora one after the other, without ids of earlier ones, which it reads in parallel.
// Cost: each corpus is read once for every corpus that follows it.
func (s *stream) following(ctx context.Context, emit func(batch) error) error {
	for i := range s.roots {
		if err := s.follow(ctx, s.roots[:i], s.roots[i], emit); err != nil {
			return err
		}
	}
	return nil
}

func (s *stream) follow(ctx context.Context, earlier []object.Hash, root object.Hash, emit func(batch) error) error {
	cursors, err := s.open(ctx, earlier)
	defer closeAll(cursors)
	if err != nil {
		return err
	}
	one := stream{nodes: s.nodes, roots: []object.Hash{root}, workers: s.workers}
	return one.one(ctx, func(b batch) error {
		fresh := b.ids[:0]
		for _, id := range b.ids {
			twice := false
			for _, c := range cursors {
				if err := c.seek(&id); err != nil {
					return err
				}
				twice = twice || c.ok && *c.id() == id
			}
			if !twice {
				fresh = append(fresh, id)
			}
		}
		return emitSome(batch{ids: fresh}, emit)
	})
}

func (s *stream) open(ctx context.Context, roots []object.Hash) ([]*cursor, error) {
	var list []*cursor
	for _, root := range roots {
		c, err := openCursor(ctx, s.nodes, root)
		if err != nil {
			return list, err
		}
		list = append(list, c)
	}
	return list, nil
}

func closeAll(list []*cursor) {
	for _, c := range list {
		c.close()
	}
}
