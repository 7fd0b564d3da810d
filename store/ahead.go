package store

import (
	"context"

	"github.com/mythos-project/mythos/internal/par"
	"github.com/mythos-project/mythos/object/merkle"
)

// fetched is a chunk that was read and verified ahead of its turn.
type fetched struct {
	index uint64
	chunk merkle.Chunk
	data  []byte
}

// readAhead calls fn with the verified chunks [from, to) in order, while workers read and hash later chunks. data is
// valid during fn only. It holds ahead() chunks.
func (s *Store) readAhead(ctx context.Context, tree *merkle.Tree, from, to uint64, fn func(index uint64, data []byte) error) error {
	n := min(uint64(ahead()), to-from)
	free := make(chan []byte, n)
	for range n {
		free <- nil // allocated on demand
	}
	defer s.releaseAll(free)
	// Buffers are handed out in order, so that the next chunk always has one.
	walk := func(ctx context.Context, emit func(fetched) error) error {
		return tree.Walk(from, to, func(index uint64, c merkle.Chunk) error {
			select {
			case buf := <-free:
				return emit(fetched{index, c, buf})
			case <-ctx.Done():
				return ctx.Err()
			}
		})
	}
	return par.Ordered(ctx, min(par.Limit(0), int(n)), walk, s.fetch, func(f fetched) error {
		if err := fn(f.index, f.data); err != nil {
			return err
		}
		free <- f.data
		return nil
	})
}

// fetch reads and verifies a chunk.
func (s *Store) fetch(ctx context.Context, f fetched) (_ fetched, err error) {
	if err := ctx.Err(); err != nil {
		return f, err
	}
	if f.data == nil {
		f.data = s.buffer(int(f.chunk.Len))
	}
	f.data, err = s.chunkInto(ctx, f.index, f.chunk, f.data)
	return f, err
}
