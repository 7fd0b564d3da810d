package mlog

import (
	"bytes"
	"context"
	"time"

	"github.com/mythos-project/mythos/store/kv"
)

// Processes that append to one log find out by compare-and-set which of them was first. When one has lost such a
// race, it queues before it writes, where the store lets it: otherwise most of what many processes write would be
// thrown away. The turn only saves work. Who writes without it, or after having lost it, harms nobody.

const (
	queuing = 32               // batches for which a log queues after it has met another process
	patient = 30 * time.Second // for a turn; its holder may have stopped
)

// turn waits for this process's turn at the end of the log, if others write to it, and takes note of the end as it then is.
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
		return none // what follows will say so, if it concerns it
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
		l.loaded = err == nil // else appending says what is wrong
	}
	l.lost()
	return end
}

// refresh reads what the riders of a batch read, in one go, where what was read ahead does not count any more.
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
