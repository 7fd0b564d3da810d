package session

import (
	"context"
	"sync"
	"time"

	"github.com/mythos-project/mythos/store/kv"
)

// forgetting removes records beside the calls: as many in one update as have come together.
type forgetting struct {
	kv kv.KV

	mu      sync.Mutex
	records []string
	busy    bool
	done    sync.WaitGroup
	err     error // the first one
}

const forgetTime = 10 * time.Second

func (f *forgetting) add(record string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.records = append(f.records, record)
	if !f.busy {
		f.busy = true
		f.done.Go(f.run)
	}
}

func (f *forgetting) run() {
	for {
		f.mu.Lock()
		records := f.records
		f.records = nil
		f.busy = len(records) > 0
		f.mu.Unlock()
		if len(records) == 0 {
			return
		}
		put := make(map[string][]byte, len(records))
		for _, r := range records {
			put[r] = nil
		}
		ctx, cancel := context.WithTimeout(context.Background(), forgetTime)
		_, err := f.kv.Update(ctx, nil, put)
		cancel()
		f.failed(err) // an equal call will be answered from this one, and says so
	}
}

func (f *forgetting) failed(err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.err == nil {
		f.err = err
	}
}

func (f *forgetting) close() error {
	f.done.Wait()
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.err
}
