package mlog

import (
	"bytes"
	"context"
	"errors"
	"runtime"
	"slices"
	"sync"
	"time"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/mythos-project/mythos/store/kv"
)

const endKey = kv.LedgerEnd

// MaxEntries is the number of leaves that a log may have.
const MaxEntries = 1 << 62

// Append is a wish to append leaves. It is granted when nobody else has added to
// what it adds to.
type Append struct {
	Leaves   [][]byte
	Postings []Posting
	Riders   []Rider

	known map[string][]byte // what was read ahead for them
	since uint64            // batches of the log that had ended before that
	ctx   context.Context

	ok   bool
	err  error
	done chan struct{} // closed when ok and err say what became of it
	lead chan struct{} // closed when its caller is to lead the next batch
}

// Posting adds the places of some of the leaves, [From, To) of those that are appended
// together, to what an index has under a key.
type Posting struct {
	Key           string
	From, To      int
	Before, After []byte // nil: it is not there; After is set when the leaves are appended
}

func (a *Append) finish(ok bool, err error) {
	a.ok, a.err = ok, err
	close(a.done)
}

// Log is the append-only Merkle log. Those who append at the same time share one
// update of the store: the first to come leads, taking along all who wait, and
// hands over to the next one in line. The size of the log, the one key that all
// appends contend for, is thereby written once a batch. Other processes are met
// by compare-and-set on it.
type Log struct {
	kv      kv.KV
	mu      sync.Mutex
	queue   []*Append
	leading bool

	// Of the last batch: who was there when it ended, and how long it took. The next
	// leader waits for as many, for a quarter of that time.
	present int
	took    time.Duration
	full    chan struct{} // closed when present are queued; nil: nobody waits

	// The log's end as the leader knows it; every update checks it.
	loaded bool
	edge   Frontier

	batches uint64    // that ended
	recent  []written // by riders, in the last of them
	floor   uint64    // what was read before that many had ended does not count

	queuing int // batches that still wait for their turn; only the leader looks
}

// New is the log that is kept in a store.
func New(db kv.KV) *Log { return &Log{kv: db} }

const (
	maxTogether = 512     // appendings in one update
	maxBytes    = 3 << 20 // of leaves and riders in one update, unless one alone has more
	maxRaces    = 1000    // updates lost in a row to other processes

	maxLetGo = 300 * time.Microsecond // between callers who are let go
)

// Append returns whether a was granted. Once it is queued, ctx is looked at only
// until a batch takes it: what is being written is waited for.
func (l *Log) Append(ctx context.Context, a *Append) (bool, error) {
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
func (l *Log) gather() {
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
func (l *Log) take() []*Append {
	taken := map[string]bool{}
	var batch, rest []*Append
	size := 0
	for _, a := range l.queue {
		free := len(batch) < maxTogether
		for _, p := range a.Postings {
			free = free && !taken[p.Key]
			taken[p.Key] = true
		}
		for _, data := range a.Leaves {
			size += len(data)
		}
		for _, r := range a.Riders {
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
func (l *Log) refuse(batch []*Append) {
	granted := map[string]bool{}
	for _, a := range batch {
		for _, p := range a.Postings {
			granted[p.Key] = granted[p.Key] || a.ok
		}
	}
	var rest []*Append
	for _, a := range l.queue {
		late := false
		for _, p := range a.Postings {
			late = late || granted[p.Key]
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
func (l *Log) run(ctx context.Context, batch []*Append) {
	batch = withdraw(batch)
	for races := 0; len(batch) > 0; races++ {
		end := l.turn(ctx)
		var with *rides
		if batch, with = l.board(ctx, batch); len(batch) == 0 {
			end()
			return
		}
		ok, err := l.apply(ctx, batch, with)
		end()
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
				a.ok, a.err = ok, err
			}
			answer(batch)
			return
		}
		l.queuing = queuing
		batch = l.grantable(ctx, batch)
		if races > 8 {
			time.Sleep(time.Duration(min(races, 50)) * 20 * time.Microsecond) // let the others finish
		}
	}
}

// answer wakes the callers of a batch, as many at a time as can run. If all were made ready at
// once, the leader of the next batch and its sync would queue behind them, and the processors
// would be idle later, when all wait for that sync. When the processors are busy with other
// things, nobody is kept waiting.
func answer(batch []*Append) {
	together := runtime.GOMAXPROCS(0)
	if len(batch) <= together {
		for _, a := range batch {
			close(a.done)
		}
		return
	}
	go func() {
		for len(batch) > 0 {
			n := min(together, len(batch))
			for _, a := range batch[:n] {
				close(a.done)
			}
			batch = batch[n:]
			begin := time.Now()
			runtime.Gosched() // behind those that are ready
			if time.Since(begin) > maxLetGo {
				together = len(batch)
			}
		}
	}()
}

// board collects what rides with a batch, and finishes the appendings whose riders
// refuse; one that could not be granted anyway is told that.
func (l *Log) board(ctx context.Context, batch []*Append) ([]*Append, *rides) {
	with := l.newRides()
	stale := l.refresh(ctx, batch)
	var rest []*Append
	for _, a := range batch {
		err := stale
		if err == nil {
			err = with.take(ctx, a)
		}
		if err != nil {
			for _, a := range l.grantable(ctx, []*Append{a}) {
				a.finish(false, err)
			}
			continue
		}
		rest = append(rest, a)
	}
	return rest, with
}

func withdraw(batch []*Append) []*Append {
	var rest []*Append
	for _, a := range batch {
		if err := a.ctx.Err(); err != nil {
			a.finish(false, err)
			continue
		}
		rest = append(rest, a)
	}
	return rest
}

// grantable finishes the appendings one of whose keys has another value by now.
func (l *Log) grantable(ctx context.Context, batch []*Append) []*Append {
	var keys []string
	for _, a := range batch {
		for _, p := range a.Postings {
			keys = append(keys, p.Key)
		}
	}
	values, err := kv.GetMany(ctx, l.kv, keys)
	var rest []*Append
	for _, a := range batch {
		late := slices.ContainsFunc(a.Postings, func(p Posting) bool { return !bytes.Equal(values[p.Key], p.Before) })
		if late || err != nil {
			a.finish(false, err)
			continue
		}
		rest = append(rest, a)
	}
	return rest
}

// apply writes a batch in one update of the store. False means that the log's end
// or one of the keys was not as expected.
func (l *Log) apply(ctx context.Context, batch []*Append, with *rides) (bool, error) {
	if !l.loaded {
		edge, _, err := loadFrontier(ctx, l.kv)
		if err != nil {
			return false, err
		}
		l.edge, l.loaded = edge, true
	}
	edge := l.edge
	check, put := with.check, with.put
	if check[endKey] = nil; edge.Size > 0 {
		check[endKey] = edge.Append(nil)
	}
	segments := segmentWriter{put: put, next: edge.Size}
	tiles := tileWriter{ctx, l.kv, put}
	var places []Place
	for _, a := range batch {
		places = places[:0]
		for _, data := range a.Leaves {
			places = append(places, segments.add(data))
			if err := tiles.add(edge.Size+1, edge.Add(tlog.RecordHash(data))); err != nil {
				return false, l.unlessMoved(ctx, err)
			}
		}
		for i := range a.Postings {
			p := &a.Postings[i]
			check[p.Key] = p.Before
			p.After = make([]byte, len(p.Before), len(p.Before)+(p.To-p.From)*placeSize)
			copy(p.After, p.Before)
			for _, at := range places[p.From:p.To] {
				p.After = at.append(p.After)
			}
			put[p.Key] = p.After
		}
	}
	segments.flush()
	put[endKey] = edge.Append(nil)
	ok, err := l.kv.Update(ctx, check, put)
	if l.loaded = ok && err == nil; l.loaded {
		l.edge = edge
	}
	return l.loaded, err
}

// unlessMoved is err, which is why the log's end does not fit what is stored, or nil when
// another process has moved the end since we knew it.
func (l *Log) unlessMoved(ctx context.Context, err error) error {
	l.loaded = false
	var known []byte
	if l.edge.Size > 0 {
		known = l.edge.Append(nil)
	}
	if end, failed := kv.GetOrNil(ctx, l.kv, endKey); failed != nil || bytes.Equal(end, known) {
		return err
	}
	return nil
}
