package store

import (
	"context"
	"runtime"
	"sync"

	"github.com/mythos-project/mythos/object/merkle"
)

// fetched is a chunk that a worker reads and verifies ahead of its turn.
type fetched struct {
	index uint64
	chunk merkle.Chunk
	data  []byte
	err   error
	done  chan struct{}
}

// readAhead calls fn with the verified chunks [from, to) in order, while workers
// read and hash the next ones. data is valid during fn only. It holds ahead() chunks.
func (s *Store) readAhead(ctx context.Context, tree *merkle.Tree, from, to uint64, fn func(index uint64, data []byte) error) error {
	ctx, cancel := context.WithCancel(ctx)
	n := min(uint64(ahead()), to-from)
	free := make(chan []byte, n)
	for range n {
		free <- nil // made when it is needed
	}
	todo, order := make(chan *fetched), make(chan *fetched, n)
	var wg sync.WaitGroup
	for range min(uint64(runtime.GOMAXPROCS(0)), n) {
		wg.Go(func() { s.fetch(ctx, todo) })
	}
	var walkErr error
	wg.Go(func() { walkErr = schedule(ctx, tree, from, to, free, todo, order) })
	err := consume(order, free, fn)
	cancel()
	for f := range order {
		<-f.done
	}
	wg.Wait()
	s.releaseAll(free)
	if err != nil {
		return err
	}
	return walkErr
}

// schedule hands chunks to the workers and to the consumer. The buffers are given
// out in order, so that the next chunk always has one.
func schedule(ctx context.Context, tree *merkle.Tree, from, to uint64, free <-chan []byte, todo, order chan<- *fetched) error {
	defer close(order)
	defer close(todo)
	return tree.Walk(from, to, func(index uint64, c merkle.Chunk) error {
		f := &fetched{index: index, chunk: c, done: make(chan struct{})}
		select {
		case f.data = <-free:
		case <-ctx.Done():
			return ctx.Err()
		}
		order <- f
		todo <- f
		return nil
	})
}

// consume hands out the chunks in order and gives their buffers back.
func consume(order <-chan *fetched, free chan<- []byte, fn func(uint64, []byte) error) error {
	for f := range order {
		<-f.done
		if f.err != nil {
			return f.err
		}
		if err := fn(f.index, f.data); err != nil {
			return err
		}
		free <- f.data
	}
	return nil
}

// fetch reads and verifies chunks.
func (s *Store) fetch(ctx context.Context, todo <-chan *fetched) {
	for f := range todo {
		if f.err = ctx.Err(); f.err == nil {
			if f.data == nil {
				f.data = s.buffer(int(f.chunk.Len))
			}
			f.data, f.err = s.chunkInto(ctx, f.index, f.chunk, f.data)
		}
		close(f.done)
	}
}
