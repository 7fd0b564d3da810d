package ledger

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"time"

	"golang.org/x/mod/sumdb/tlog"
)

// KV is what the ledger needs of a key-value store. Update applies put, durably,
// if every key in check has exactly that value (nil: is absent), and reports
// whether it did. Scan is ascending over [from, to).
type KV interface {
	Get(ctx context.Context, key string) (value []byte, found bool, err error)
	Scan(ctx context.Context, from, to string, fn func(key string, value []byte) error) error
	Update(ctx context.Context, check, put map[string][]byte) (ok bool, err error)
}

const (
	sizeKey   = "l/n"
	entryKeys = "l/e/"
	indexKeys = "l/i/"
	byReceipt = "l/r/"
	hashKeys  = "l/t/"
)

func entryKey(seq uint64) string { return entryKeys + hex16(seq) }
func hashKey(index int64) string { return hashKeys + hex16(uint64(index)) }
func seqValue(seq uint64) []byte { return binary.BigEndian.AppendUint64(nil, seq) }
func afterKeys(p string) string  { return p + "\xff" }

// hex16 is n as 16 hex digits, so that keys sort like numbers.
func hex16(n uint64) string {
	const digits = "0123456789abcdef"
	var b [16]byte
	for i := range b {
		b[i] = digits[n>>(60-4*i)&15]
	}
	return string(b[:])
}

func parseSeq(value []byte) (uint64, error) {
	if len(value) != 8 {
		return 0, fmt.Errorf("%w: %d bytes where a sequence number should be", ErrEntry, len(value))
	}
	return binary.BigEndian.Uint64(value), nil
}

func seqOfKey(key string) (uint64, error) {
	seq, err := strconv.ParseUint(key[len(entryKeys):], 16, 64)
	if err != nil || entryKey(seq) != key {
		return 0, fmt.Errorf("%w: key %q", ErrEntry, key)
	}
	return seq, nil
}

func logSize(ctx context.Context, kv KV) (uint64, error) {
	value, found, err := kv.Get(ctx, sizeKey)
	if err != nil || !found {
		return 0, err
	}
	return parseSeq(value)
}

// appending is a wish to append leaves. It is granted when every key in absent is
// absent; then each such key is set to the seq of the leaf it maps to.
type appending struct {
	leaves [][]byte
	absent map[string]int // key to index in leaves
	riders []Rider
	known  map[string][]byte // what was read ahead for them
	since  uint64            // batches of the log that had ended before that
	ctx    context.Context

	ok   bool
	err  error
	done chan struct{} // closed when ok and err say what became of it
	lead chan struct{} // closed when its caller is to lead the next batch
}

func (a *appending) finish(ok bool, err error) {
	a.ok, a.err = ok, err
	close(a.done)
}

// log is the append-only Merkle log. Those who append at the same time share one
// update of the store: the first to come leads, taking along all who wait, and
// hands over to the next one in line. The size of the log, the one key that all
// appends contend for, is thereby written once a batch. Other processes are met
// by compare-and-set on it.
type log struct {
	kv      KV
	mu      sync.Mutex
	queue   []*appending
	leading bool

	// Of the last batch: who was there when it ended, and how long it took. The next
	// leader waits for as many, for a quarter of that time.
	present int
	took    time.Duration
	full    chan struct{} // closed when present are queued; nil: nobody waits

	// The log's end as the leader knows it; every update checks it.
	loaded bool
	edge   frontier

	batches uint64    // that ended
	recent  []written // by riders, in the last of them
	floor   uint64    // what was read before that many had ended does not count
}

const (
	maxTogether = 512     // appendings in one update
	maxBytes    = 3 << 20 // of leaves and riders in one update, unless one alone has more
	maxRaces    = 1000    // updates lost in a row to other processes
)

// append returns whether a was granted. Once it is queued, ctx is looked at only
// until a batch takes it: what is being written is waited for.
func (l *log) append(ctx context.Context, a *appending) (bool, error) {
	if err := l.readAhead(ctx, a); err != nil {
		return false, err
	}
	a.ctx, a.done, a.lead = ctx, make(chan struct{}), make(chan struct{})
	l.mu.Lock()
	l.queue = append(l.queue, a)
	if l.full != nil && len(l.queue) >= l.present {
		close(l.full)
		l.full = nil
	}
	if l.leading {
		l.mu.Unlock()
		select {
		case <-a.done:
			return a.ok, a.err
		case <-a.lead:
		}
		l.mu.Lock()
	}
	l.leading = true
	l.gather()
	batch := l.take()
	l.mu.Unlock()
	begin := time.Now()
	l.run(context.WithoutCancel(ctx), batch)
	l.mu.Lock()
	l.took, l.present = time.Since(begin), len(batch)+len(l.queue)
	l.refuse(batch)
	if l.leading = len(l.queue) > 0; l.leading {
		close(l.queue[0].lead)
	}
	l.mu.Unlock()
	return a.ok, a.err
}

// gather lets those come back who were served a moment ago: otherwise callers fall
// into two halves, each of which waits while the other is written. A caller that is
// alone never waits. mu is held, but for the wait.
func (l *log) gather() {
	if len(l.queue) >= l.present {
		return
	}
	full := make(chan struct{})
	l.full = full
	l.mu.Unlock()
	timer := time.NewTimer(l.took / 4)
	select {
	case <-full:
	case <-timer.C:
	}
	timer.Stop()
	l.mu.Lock()
	l.full = nil
}

// take removes a batch from the queue in which no two appendings want the same
// key; the first in the queue is always in it. mu is held.
func (l *log) take() []*appending {
	taken := map[string]bool{}
	var batch, rest []*appending
	size := 0
	for _, a := range l.queue {
		free := len(batch) < maxTogether
		for key := range a.absent {
			free = free && !taken[key]
			taken[key] = true
		}
		for _, data := range a.leaves {
			size += len(data)
		}
		for _, r := range a.riders {
			size += r.Size
		}
		if free && (size <= maxBytes || len(batch) == 0) {
			batch = append(batch, a)
		} else {
			rest = append(rest, a)
		}
	}
	l.queue = rest
	return batch
}

// refuse finishes those in the queue who want a key that the batch was granted;
// mu is held.
func (l *log) refuse(batch []*appending) {
	granted := map[string]bool{}
	for _, a := range batch {
		for key := range a.absent {
			granted[key] = granted[key] || a.ok
		}
	}
	var rest []*appending
	for _, a := range l.queue {
		late := false
		for key := range a.absent {
			late = late || granted[key]
		}
		if late {
			a.finish(false, nil)
		} else {
			rest = append(rest, a)
		}
	}
	l.queue = rest
}

// run applies a batch. When it does not go through as a whole, those who cannot be
// granted are told so, and the others try again from the log's new end.
func (l *log) run(ctx context.Context, batch []*appending) {
	batch = withdraw(batch)
	for races := 0; len(batch) > 0; races++ {
		var with *rides
		if batch, with = l.board(ctx, batch); len(batch) == 0 {
			return
		}
		ok, err := l.apply(ctx, batch, with)
		if err == nil && !ok && races >= maxRaces {
			err = errors.New("ledger: the log is being written by too many others")
		}
		if ok {
			l.wrote(with)
		} else {
			l.lost()
		}
		if ok || err != nil {
			for _, a := range batch {
				a.finish(ok, err)
			}
			return
		}
		batch = l.grantable(ctx, batch)
		if races > 8 {
			time.Sleep(time.Duration(min(races, 50)) * 20 * time.Microsecond) // let the others finish
		}
	}
}

// board collects what rides with a batch, and finishes the appendings whose riders
// refuse; one that could not be granted anyway is told that.
func (l *log) board(ctx context.Context, batch []*appending) ([]*appending, *rides) {
	with := l.newRides()
	var rest []*appending
	for _, a := range batch {
		if err := with.take(ctx, a); err != nil {
			for _, a := range l.grantable(ctx, []*appending{a}) {
				a.finish(false, err)
			}
			continue
		}
		rest = append(rest, a)
	}
	return rest, with
}

func withdraw(batch []*appending) []*appending {
	var rest []*appending
	for _, a := range batch {
		if err := a.ctx.Err(); err != nil {
			a.finish(false, err)
			continue
		}
		rest = append(rest, a)
	}
	return rest
}

// grantable finishes the appendings one of whose keys is there already.
func (l *log) grantable(ctx context.Context, batch []*appending) []*appending {
	var rest []*appending
	for _, a := range batch {
		taken := false
		var err error
		for key := range a.absent {
			if _, taken, err = l.kv.Get(ctx, key); taken || err != nil {
				break
			}
		}
		if taken || err != nil {
			a.finish(false, err)
			continue
		}
		rest = append(rest, a)
	}
	return rest
}

// apply writes a batch in one update of the store. False means that the log's end
// or one of the keys was not as expected.
func (l *log) apply(ctx context.Context, batch []*appending, with *rides) (bool, error) {
	if !l.loaded {
		edge, err := loadFrontier(ctx, l.kv)
		if err != nil {
			return false, err
		}
		l.edge, l.loaded = edge, true
	}
	edge := l.edge
	check, put := with.check, with.put
	if check[sizeKey] = nil; edge.size > 0 {
		check[sizeKey] = seqValue(edge.size)
	} else {
		put[toolsMark] = []byte{}
	}
	for _, a := range batch {
		for key, i := range a.absent {
			check[key] = nil
			put[key] = seqValue(edge.size + uint64(i))
		}
		for _, data := range a.leaves {
			put[entryKey(edge.size)] = data
			at := tlog.StoredHashCount(int64(edge.size))
			for i, h := range edge.add(tlog.RecordHash(data)) {
				put[hashKey(at+int64(i))] = append(make([]byte, 0, tlog.HashSize), h[:]...)
			}
		}
	}
	put[sizeKey] = seqValue(edge.size)
	ok, err := l.kv.Update(ctx, check, put)
	if l.loaded = ok && err == nil; l.loaded {
		l.edge = edge
	}
	return l.loaded, err
}
