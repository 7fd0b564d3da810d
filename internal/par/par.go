// Package par runs work concurrently, within bounds: [Do] and [Each] run a loop, [Ordered] a pipeline whose results
// come in the order of its input.
package par

import (
	"context"
	"errors"
	"runtime"
	"sync"
	"sync/atomic"
)

// Limit returns n, or the number of processors if n is not a valid number of workers.
func Limit(n int) int {
	if n > 0 {
		return n
	}
	return runtime.GOMAXPROCS(0)
}

// Do calls fn(0) to fn(n-1), at most limit at a time (0: the number of processors), starting in this order. It returns
// when all have ended.
func Do(n, limit int, fn func(i int)) {
	var next atomic.Int64
	work := func() {
		for i := next.Add(1) - 1; i < int64(n); i = next.Add(1) - 1 {
			fn(int(i))
		}
	}
	var wg sync.WaitGroup
	for range min(n, Limit(limit)) - 1 {
		wg.Go(work)
	}
	work() // one goroutine less
	wg.Wait()
}

// Each is Do for functions that can fail. After an error, or when ctx ends, no further call starts, and the context of
// the running ones is cancelled. It returns the error of the lowest i, ignoring errors that come from this
// cancellation, so the result does not depend on which call was faster.
func Each(ctx context.Context, n, limit int, fn func(ctx context.Context, i int) error) error {
	inner, cancel := context.WithCancel(ctx)
	defer cancel()
	f := first{at: n}
	Do(n, limit, func(i int) {
		if inner.Err() != nil {
			return
		}
		if err := fn(inner, i); err != nil {
			f.take(i, err, ctx.Err() == nil && inner.Err() != nil)
			cancel()
		}
	})
	if f.err == nil {
		return ctx.Err()
	}
	return f.err
}

// first holds the error of the lowest i.
type first struct {
	mu  sync.Mutex
	at  int
	err error
}

func (f *first) take(i int, err error, cancelled bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if cancelled && errors.Is(err, context.Canceled) {
		return
	}
	if i < f.at {
		f.at, f.err = i, err
	}
}
