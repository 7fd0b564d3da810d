package exec

import (
	"context"
	"sync"

	"github.com/mythos-project/mythos/object"
)

// flights lets one attempt at a key be under way in this process: the ledger
// lets an owner repeat its own attempt at a tool that is safe to retry, but two
// callers at once want it done once. The others wait and find it done.
type flights struct {
	mu  sync.Mutex
	now map[object.Hash]chan struct{}
}

// enter waits until no other attempt is under way. leave must be called.
func (f *flights) enter(ctx context.Context, idem object.Hash) (leave func(), err error) {
	for {
		f.mu.Lock()
		busy := f.now[idem]
		if busy == nil {
			done := make(chan struct{})
			if f.now == nil {
				f.now = make(map[object.Hash]chan struct{})
			}
			f.now[idem] = done
			f.mu.Unlock()
			return func() { f.leave(idem, done) }, nil
		}
		f.mu.Unlock()
		select {
		case <-busy:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

func (f *flights) leave(idem object.Hash, done chan struct{}) {
	f.mu.Lock()
	delete(f.now, idem)
	f.mu.Unlock()
	close(done)
}
