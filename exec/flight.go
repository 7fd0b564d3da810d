package exec

import (
	"context"
	"sync"

	"github.com/mythos-project/mythos/object"
)

// flights lets one attempt at a key be under way in this process: the ledger lets a
// process repeat its own attempt at a tool that is safe to retry, but two callers at
// once want it done once. The others wait and find it done.
type flights struct {
	mu  sync.Mutex
	now map[object.Hash]chan struct{}
}

// enter waits until no other attempt is under way. leave must be called.
func (f *flights) enter(ctx context.Context, idem object.Hash) (leave func(), err error) {
	for {
		leave, busy := f.try(idem)
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

// tryEnter is enter without waiting; nil: another attempt is under way.
func (f *flights) tryEnter(idem object.Hash) (leave func()) {
	leave, _ = f.try(idem)
	return leave
}

func (f *flights) try(idem object.Hash) (leave func(), busy chan struct{}) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if busy = f.now[idem]; busy != nil {
		return nil, busy
	}
	done := make(chan struct{})
	if f.now == nil {
		f.now = make(map[object.Hash]chan struct{})
	}
	f.now[idem] = done
	return func() { f.leave(idem, done) }, nil
}

func (f *flights) leave(idem object.Hash, done chan struct{}) {
	f.mu.Lock()
	delete(f.now, idem)
	f.mu.Unlock()
	close(done)
}
