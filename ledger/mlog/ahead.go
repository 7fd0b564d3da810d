package mlog

import (
	"context"

	"github.com/mythos-project/mythos/store/kv"
)

// An effect's history is a shard of its own: who works on it reads, decides and signs
// beside all others, and meets them only at the end of the log. What its riders read is
// read ahead, too, so that the leader of a batch reads nothing for others, and a read
// that takes long holds up nobody else.
//
// A value that was read ahead may have been written since, by an earlier batch of this
// log; what riders wrote in the last batches is kept for that. Should somebody else have
// written it, the update's check fails, and the values are read anew.

// written is what riders wrote, of what riders read, in one batch.
type written struct {
	batch uint64
	put   map[string][]byte
}

const maxWritten = 64 // batches

// readAhead reads what the riders of a say that they will read.
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
		a.known[key] = values[key] // nil: it is not there
	}
	return nil
}

// lookUp is what is known of a key that a read ahead; the leader calls it.
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

// wrote notes a batch that was applied.
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

// lost notes that a batch was not applied as it was: somebody else writes, or the store
// failed. Nothing that was read before counts.
func (l *Log) lost() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.batches++
	l.recent, l.floor = nil, l.batches
}
