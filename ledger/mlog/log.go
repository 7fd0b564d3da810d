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

// Append is a request to append leaves. It succeeds if nobody else has changed the same indexes meanwhile.
type Append struct {
	Leaves   [][]byte
	Postings []Posting
	Riders   []Rider

	Unguarded bool // append whatever Guard says

	known map[string][]byte // values read ahead for the riders
	since uint64            // number of batches that had ended before that
	ctx   context.Context

	ok   bool
	err  error
	done chan struct{} // closed once ok and err are set
	lead chan struct{} // closed when its caller must lead the next batch
}

// Posting adds the places of leaves [From, To) of an Append to the index under a key.
type Posting struct {
	Key           string
	From, To      int
	Before, After []byte // nil: absent; After is set when the leaves are appended
}

func (a *Append) finish(ok bool, err error) {
	a.ok, a.err = ok, err
	close(a.done)
}

// Log is the append-only Merkle log. Callers that append at the same time share one update of the store: the first one
// leads, takes along all who wait, and hands over to the next in line. The size of the log, the one key that all
// appends contend for, is thereby written once per batch. Compare-and-set on that key resolves races with other
// processes.
type Log struct {
	// Guard, if not nil, is asked before each append: its error refuses it. Grew, if not nil, is told after each. Set both before
	// first use.
	Guard func(ctx context.Context) error
	Grew  func()

	kv      kv.KV
	mu      sync.Mutex
	queue   []*Append
	leading bool

	// About the last batch: how many callers were there when it ended, and how long it took. The next leader waits for
	// as many callers, for at most a quarter of that time.
	present int
	took    time.Duration
	full    chan struct{} // closed when that many are queued; nil: nobody waits

	// The log's end as the leader knows it. Every update checks it.
	loaded bool
	edge   Frontier

	batches uint64    // that ended
	recent  []written // written by riders, in the last batches
	floor   uint64    // reads from before so many batches had ended do not count

	queuing int // number of batches that still queue for their turn; only the leader uses it
}

// New returns the log that is stored in db.
func New(db kv.KV) *Log { return &Log{kv: db} }

const (
	maxTogether = 512     // appends in one update
	maxBytes    = 3 << 20 // of leaves and riders in one update, unless a single append has more
	maxRaces    = 1000    // updates lost in a row to other processes

	wakePause = 300 * time.Microsecond // pause between wake-ups of callers
)

// Append reports whether a was granted. ctx counts only until a batch takes a: a write that has begun is not
// interrupted.
func (l *Log) Append(ctx context.Context, a *Append) (bool, error) {
	if l.Guard != nil && !a.Unguarded {
		if err := l.Guard(ctx); err != nil {
			return false, err
		}
	}
	ok, err := l.join(ctx, a)
	if ok && l.Grew != nil {
		l.Grew()
	}
	return ok, err
}

// join puts a into the queue, and leads a batch if it comes to that.
func (l *Log) join(ctx context.Context, a *Append) (bool, error) {
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

// gather waits for callers that the last batch served. Otherwise callers would split into two halves, each waiting
// while the other is written. A single caller never waits. mu is held except during the wait.
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

// take removes a batch from the queue, in which no two appends use the same key. The first append in the queue is
// always part of it. mu is held.
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

// refuse finishes queued appends that use a key of the batch. mu is held.
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

// run applies a batch. If the batch as a whole does not go through, run refuses the appends that cannot be granted and
// tries again with the others from the log's new end.
func (l *Log) run(ctx context.Context, batch []*Append) {
	batch = withdraw(batch)
	for races := 0; len(batch) > 0; races++ {
		end := l.turn(ctx)
		var with *rides
		if batch, with = l.collectRiders(ctx, batch); len(batch) == 0 {
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

// answer wakes the callers of a batch, as many at a time as can run. If all were woken at once, the leader of the next
// batch and its sync would queue behind them, and the processors would be idle later, while all wait for that sync. If
// other work keeps the processors busy, answer delays nobody.
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
			runtime.Gosched() // yield to those that are ready
			if time.Since(begin) > wakePause {
				together = len(batch)
			}
		}
	}()
}

// collectRiders collects the riders' writes of a batch. It finishes appends whose riders refuse; an append that could not be
// granted anyway gets that answer instead.
func (l *Log) collectRiders(ctx context.Context, batch []*Append) ([]*Append, *rides) {
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

// grantable finishes the appends that have a key with another value by now.
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

// unlessMoved returns err, a mismatch of the log's end and the stored data, or nil if another process has moved the end
// since it was read.
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
