package mlog

import (
	"context"

	"github.com/mythos-project/mythos/store/kv"
)

// Each effect's history is a shard: callers read, decide and sign concurrently, and meet only at the end of the log.
// Values for riders are read ahead, too, so that the leader of a batch reads nothing for others, and a slow read delays
// nobody else.
//
// An earlier batch of this log may have written a value since it was read ahead; the log keeps the riders' writes of
// the last batches for that case. If another process has written it, the check of the update fails, and the values are
// read again.

// written holds the values that riders wrote in one batch, for keys that riders read.
type written struct {
	batch uint64
	put   map[string][]byte
}

const maxWritten = 64 // batches

// readAhead reads the keys that the riders of a declare.
func (l *Log) readAhead(ctx context.Context, a *Append) error {
	var keys []string
	for _, r := range a.Riders {
		keys = append(keys, r.Reads...)
	}
	if len(keys) == 0 {
		return nil
	}
	l.mu.Lock()
	a.since = l.batches
	l.mu.Unlock()
	values, err := kv.GetMany(ctx, l.kv, keys)
	if err != nil {
		return err
	}
	a.known = make(map[string][]byte, len(keys))
	for _, key := range keys {
		a.known[key] = values[key] // nil: absent
	}
	return nil
}

// lookUp returns a value that was read ahead for a, if it is still valid. Only the leader calls it.
func (l *Log) lookUp(a *Append, key string) (value []byte, known bool) {
	if value, known = a.known[key]; !known || a.since < l.floor {
		return nil, false
	}
	for i := len(l.recent) - 1; i >= 0 && l.recent[i].batch > a.since; i-- {
		if newer, ok := l.recent[i].put[key]; ok {
			return newer, true
		}
	}
	return value, true
}

// wrote records an applied batch.
func (l *Log) wrote(with *rides) {
	put := map[string][]byte{}
	for key := range with.read {
		if value, ok := with.put[key]; ok {
			put[key] = value
		}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.batches++
	if l.recent = append(l.recent, written{l.batches, put}); len(l.recent) > maxWritten {
		l.floor = l.recent[0].batch
		l.recent = l.recent[1:]
	}
}

// lost records that a batch was not applied: another process writes, or the store failed. Earlier reads no longer
// count.
func (l *Log) lost() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.batches++
	l.recent, l.floor = nil, l.batches
}
