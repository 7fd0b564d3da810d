package mlog

import (
	"bytes"
	"context"
	"time"

	"github.com/mythos-project/mythos/store/kv"
)

// Processes that append to one log learn by compare-and-set which of them was first. A process that has lost such a
// race queues before it writes, if the store supports that; otherwise most of the work of many writers would be thrown
// away. The turn only saves work: writing without it, or after losing it, does no harm.

const (
	queuing = 32               // for so many batches a log queues after it has lost to another process
	patient = 30 * time.Second // longest wait for a turn; its holder may have stopped
)

// turn waits for this process's turn at the end of the log, if other processes write to it, and reads the end as it
// then is.
func (l *Log) turn(ctx context.Context) (end func()) {
	none := func() {}
	turns, able := l.kv.(kv.Turns)
	if !able || l.queuing == 0 {
		return none
	}
	limited, cancel := context.WithTimeout(ctx, patient)
	defer cancel()
	value, end, err := turns.Turn(limited, endKey)
	if err != nil {
		return none // the next step reports it, if it matters
	}
	var known []byte
	if l.loaded && l.edge.Size > 0 {
		known = l.edge.Append(nil)
	}
	if l.loaded && bytes.Equal(known, value) {
		l.queuing--
		return end
	}
	if l.edge, l.loaded = (Frontier{}), value == nil; !l.loaded {
		l.edge, err = parseFrontier(value)
		l.loaded = err == nil // otherwise the append reports the fault
	}
	l.lost()
	return end
}

// refresh reads again, in one go, the values that were read ahead for a batch and no longer count.
func (l *Log) refresh(ctx context.Context, batch []*Append) error {
	var stale []*Append
	var keys []string
	for _, a := range batch {
		if a.known != nil && a.since < l.floor {
			stale = append(stale, a)
			for key := range a.known {
				keys = append(keys, key)
			}
		}
	}
	if len(stale) == 0 {
		return nil
	}
	values, err := kv.GetMany(ctx, l.kv, keys)
	if err != nil {
		return err
	}
	for _, a := range stale {
		for key := range a.known {
			a.known[key] = values[key]
		}
		a.since = l.batches
	}
	return nil
}
