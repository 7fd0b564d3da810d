package store

import (
	"context"
	"runtime"

	"github.com/mythos-project/mythos/object/merkle"
)

// fetched is a chunk that a worker reads and verifies ahead of its turn.
type fetched struct {
	index uint64
	data  []byte
	err   error
	done  chan struct{}
}

// readAhead calls fn with the verified chunks [from, to) in order, while workers
// read and hash the next ones.
func (s *Store) readAhead(ctx context.Context, tree *merkle.Tree, from, to uint64, fn func(index uint64, data []byte) error) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	ahead := runtime.GOMAXPROCS(0)
	order := make(chan *fetched, ahead)
	slots := make(chan struct{}, ahead)
	walked := make(chan error, 1)
	go func() {
		defer close(order)
		walked <- tree.Walk(from, to, func(index uint64, c merkle.Chunk) error {
			f := &fetched{index: index, done: make(chan struct{})}
			select {
			case slots <- struct{}{}:
			case <-ctx.Done():
				return ctx.Err()
			}
			go func() {
				f.data, f.err = s.chunkOf(ctx, index, c)
				<-slots
				close(f.done)
			}()
			select {
			case order <- f:
				return nil
			case <-ctx.Done():
				return ctx.Err()
			}
		})
	}()
	for f := range order {
		<-f.done
		if f.err != nil {
			return f.err
		}
		if err := fn(f.index, f.data); err != nil {
			return err
		}
	}
	return <-walked
}
