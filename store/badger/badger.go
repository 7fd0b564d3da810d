// Package badger keeps a store's keys in Badger v4. It is the only importer of it.
//
// Badger takes one process at a time, and shells run many. A [DB] therefore opens
// the database at the first operation and gives it up when it has been idle for a
// moment, or as soon as another process waits and it has been held for a while:
// no command holds the database while a tool runs or a stream is read. An
// operation that finds the database given up opens it again; none is lost. It is
// opened for reading, which is much faster, until somebody writes.
//
// Processes take turns by two advisory locks (flock) beside Badger's own files:
//
//	holder.lock    held exclusively by whoever has the database open; its text is
//	               the holder's process id
//	waiters.lock   held shared by everybody who waits: a holder that cannot get it
//	               exclusively knows that somebody waits
//	compact        a mark that the next one to open should tidy up when it closes
//
// The kernel drops both locks when a process dies, however it dies.
//
// Updates are durable when they return. One goroutine gathers those that arrive
// together, evaluates their conditions in order, and commits them in one
// transaction with one sync.
package badger

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/dgraph-io/badger/v4"

	"github.com/mythos-project/mythos/store"
)

var _ store.KV = (*DB)(nil)

// Options tune a DB; the zero value is right.
type Options struct {
	Wait time.Duration // how long to wait for another process; 0: 10 s
	Idle time.Duration // idle time after which the database is given up; 0: 50 ms
	Hold time.Duration // longest use while another process waits; 0: 300 ms
}

func (o Options) filled() Options {
	if o.Wait == 0 {
		o.Wait = 10 * time.Second
	}
	if o.Idle == 0 {
		o.Idle = 50 * time.Millisecond
	}
	if o.Hold == 0 {
		o.Hold = 300 * time.Millisecond
	}
	return o
}

// ErrClosed means that the DB was closed.
var ErrClosed = errors.New("database is closed")

// DB is a store.KV over a Badger folder. It is safe for concurrent use, and
// several processes may have one on the same folder.
type DB struct {
	dir  string
	opts Options
	lock *lock

	mu       sync.Mutex
	free     sync.Cond    // signalled when users falls to 0 or the state changes
	db       *badger.DB   // nil while given up
	readOnly bool         // db is open for reading
	faults   *faults      // what Badger reported about db
	lsmBytes atomic.Int64 // committed since db was opened
	opening  bool
	yielding bool // another process waits: no new users until it was given up
	closed   bool
	users    int
	uses     uint64 // grows with every use, so that a timer can tell that there was one
	since    time.Time

	updates  chan *update
	stopped  chan struct{} // closed by Close
	finished chan struct{} // closed when no update will be taken any more
}

// Open prepares the database in dir, which is made when it is not there. The
// database itself is opened by the first operation.
func Open(dir string, o Options) (*DB, error) {
	l, err := newLock(dir)
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", dir, err)
	}
	d := &DB{dir: dir, opts: o.filled(), lock: l, updates: make(chan *update, maxBatch),
		stopped: make(chan struct{}), finished: make(chan struct{})}
	d.free.L = &d.mu
	go d.commitLoop()
	return d, nil
}

// Linger changes how long the database stays open when it is idle: a process that
// serves others opens it once instead of every time. Those who wait get it as soon
// as before.
func (d *DB) Linger(idle time.Duration) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.opts.Idle = idle
}

// Close finishes what is under way and gives the database up.
func (d *DB) Close() error {
	d.mu.Lock()
	if d.closed {
		d.mu.Unlock()
		return nil
	}
	d.closed = true
	d.mu.Unlock()
	close(d.stopped)
	<-d.finished
	d.mu.Lock()
	defer d.mu.Unlock()
	for d.users > 0 || d.opening {
		d.free.Wait()
	}
	return errors.Join(d.giveUp(), d.lock.close())
}

// What a use of the database is for.
const (
	toRead  = false
	toWrite = true
)

// use opens the database if need be and keeps it open until done is called. Who only
// reads opens it for reading: that takes a tenth of the time, and makes no files. The
// first write opens it anew.
func (d *DB) use(ctx context.Context, write bool) (db *badger.DB, done func(), err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for d.opening || d.yielding || (write && d.db != nil && d.readOnly) {
		if d.opening || d.users > 0 {
			d.yielding = d.yielding || !d.opening
			d.free.Wait()
			continue
		}
		if err := d.giveUp(); err != nil {
			return nil, nil, err
		}
	}
	if err := ctx.Err(); err != nil {
		return nil, nil, err
	}
	if d.closed && d.db == nil {
		return nil, nil, ErrClosed
	}
	if d.db == nil {
		if err := d.open(ctx, write); err != nil {
			return nil, nil, err
		}
	}
	d.users++
	d.uses++
	return d.db, d.done, nil
}

// open is called with mu held, and lets go of it while it waits for others.
func (d *DB) open(ctx context.Context, write bool) error {
	d.opening = true
	d.mu.Unlock()
	db, faults, err := d.openLocked(ctx, write)
	d.mu.Lock()
	d.opening = false
	d.free.Broadcast()
	if err != nil {
		return err
	}
	d.db, d.faults, d.since, d.readOnly = db, faults, time.Now(), db.Opts().ReadOnly
	d.lsmBytes.Store(0)
	return nil
}

func (d *DB) openLocked(ctx context.Context, write bool) (*badger.DB, *faults, error) {
	if err := d.lock.acquire(ctx, d.opts.Wait); err != nil {
		return nil, nil, err
	}
	if !write {
		// A new folder, and what a killed process left, wants a writer.
		f := &faults{}
		if db, err := badger.Open(badgerOptions(d.dir, f).WithReadOnly(true)); err == nil {
			return db, f, nil
		}
	}
	f := &faults{}
	o := badgerOptions(d.dir, f)
	tidy, err := d.lock.takeMark()
	if err == nil {
		err = removeEmpty(d.dir)
	}
	if err == nil {
		var db *badger.DB
		if db, err = badger.Open(o.WithCompactL0OnClose(tidy)); err == nil {
			return db, f, nil
		}
	}
	return nil, nil, errors.Join(fmt.Errorf("open %s: %w", d.dir, err), d.lock.release())
}

// done ends one use and arranges for the database to be given up.
func (d *DB) done() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.users--
	if !d.yielding {
		d.yielding = time.Since(d.since) > d.opts.Hold && d.lock.wanted()
	}
	if d.users > 0 {
		return
	}
	if d.yielding {
		d.giveUp() //nolint:errcheck // every update was synced; the next open reports what is wrong
		d.yielding = false
	}
	d.free.Broadcast()
	if d.db != nil {
		d.watch(d.uses, d.opts.Idle)
	}
}

// watch gives the database up when nobody has used it since use number uses for
// as long as left; sooner when another process waits.
func (d *DB) watch(uses uint64, left time.Duration) {
	const glance = 5 * time.Millisecond
	step := min(left, glance)
	time.AfterFunc(step, func() {
		d.mu.Lock()
		defer d.mu.Unlock()
		if d.uses != uses || d.users > 0 || d.db == nil || d.opening {
			return
		}
		if left -= step; left > 0 && !d.lock.wanted() {
			d.watch(uses, left)
			return
		}
		d.giveUp() //nolint:errcheck // every update was synced; the next open reports what is wrong
	})
}

// giveUp closes the database and lets others have it; mu is held.
func (d *DB) giveUp() error {
	if d.db == nil {
		return nil
	}
	db := d.db
	d.db = nil
	if d.readOnly {
		// Badger syncs the folder even so, for which nobody needs to wait: what only
		// reads has the files open, and others may change them.
		go db.Close() //nolint:errcheck // nothing was written
		return d.lock.release()
	}
	err := mark(db, d.lock)
	err = errors.Join(err, db.Close())
	return errors.Join(err, d.lock.release())
}
