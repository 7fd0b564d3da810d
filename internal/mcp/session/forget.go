package session

import (
	"context"
	"sync"
	"time"

	"github.com/mythos-project/mythos/ledger"
	"github.com/mythos-project/mythos/store/kv"
)

// forgetting removes records: together with the register of a call that soon follows, or else separately, as many in
// one update as have accumulated.
type forgetting struct {
	kv kv.KV

	mu      sync.Mutex
	records []string
	busy    bool
	done    sync.WaitGroup
	err     error // the first one
}

const (
	forgetTime = 10 * time.Second
	forgetWait = 3 * time.Millisecond // for a register: a separate update would delay the next one
	maxRiding  = 32                   // records that are removed with one register
	recordSize = 160                  // maximum length of a record's name, in bytes
)

func (f *forgetting) add(records ...string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.records = append(f.records, records...)
	if !f.busy && len(f.records) > 0 {
		f.busy = true
		f.done.Go(f.run)
	}
}

// riding removes records with a register; end is called afterwards and told whether that may have failed.
func (f *forgetting) riding() (r ledger.Rider, end func(failed bool)) {
	var took []string
	r = ledger.Rider{Size: maxRiding * recordSize, Ride: func(func(string) ([]byte, error)) (map[string][]byte, error) {
		f.mu.Lock()
		defer f.mu.Unlock()
		n := min(len(f.records), maxRiding-len(took))
		took = append(took, f.records[:n]...)
		f.records = f.records[n:]
		put := make(map[string][]byte, len(took))
		for _, record := range took {
			put[record] = nil
		}
		return put, nil
	}}
	return r, func(failed bool) {
		if failed {
			f.add(took...)
		}
	}
}

func (f *forgetting) run() {
	for {
		time.Sleep(forgetWait)
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
