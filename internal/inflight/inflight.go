// Package inflight lets one caller at a time in a process work on a thing, identified by its id. The others wait.
package inflight

import (
	"context"
	"sync"
)

// Flights is the work under way. The zero value is ready for use.
type Flights[K comparable] struct {
	mu  sync.Mutex
	now map[K]chan struct{}
}

// Enter waits until nobody else works on id. leave must be called.
func (f *Flights[K]) Enter(ctx context.Context, id K) (leave func(), err error) {
	for {
		leave, busy := f.try(id)
		if leave != nil {
			return leave, nil
		}
		select {
		case <-busy:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// TryEnter is Enter without waiting; nil: somebody else works on it.
func (f *Flights[K]) TryEnter(id K) (leave func()) {
	leave, _ = f.try(id)
	return leave
}

func (f *Flights[K]) try(id K) (leave func(), busy chan struct{}) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if busy = f.now[id]; busy != nil {
		return nil, busy
	}
	done := make(chan struct{})
	if f.now == nil {
		f.now = make(map[K]chan struct{})
	}
	f.now[id] = done
	return func() { f.leave(id, done) }, nil
}

func (f *Flights[K]) leave(id K, done chan struct{}) {
	f.mu.Lock()
	delete(f.now, id)
	f.mu.Unlock()
	close(done)
}
