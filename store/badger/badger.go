// Package badger keeps a store's keys in Badger v4. No other package imports Badger.
//
// Badger allows one process at a time, and shells run many. A [DB] therefore opens the database at the first operation.
// It closes the database when it has been idle for a moment, or when another process waits and the DB has held the
// database for a while: no command holds the database while a tool runs or a stream is read. The next operation opens
// it again; none is lost. Until somebody writes, the database is open for reading only, which is much faster.
//
// Processes take turns by two advisory locks (flock) beside Badger's own files:
//
//	holder.lock    held exclusively by the process that has the database open; its text is
//	               the holder's process id
//	waiters.lock  held shared by every waiting process: a holder that cannot get it
//	               exclusively knows that a process waits
//	compact    a mark: the next process to open should merge tables when it closes
//	seal      the required content of the folder (internal/seal)
//
// The kernel drops both locks when a process dies, however it dies.
//
// Updates are durable when they return. One caller at a time collects the updates that have arrived together, evaluates
// their conditions in order, and writes them as one record, with one sync, to a journal. A journal is a separate file
// that was filled with zeros once, so that a sync writes only data. The content of a journal is a layer in memory over
// Badger until it is moved to Badger in the background. A short session leaves the journal to the next session, which
// reads it. So a command that writes little never opens Badger for writing, and the database stays as quick to open as
// before.
//
//	journal.0, journal.1  used alternately; records of a generation, replayed in order
package badger

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/mythos-project/mythos/store"
	"github.com/mythos-project/mythos/store/kv"
)

var (
	_ store.KV       = (*DB)(nil)
	_ store.Verifier = (*DB)(nil)
	_ store.Reserver = (*DB)(nil)
	_ kv.Cutter      = (*DB)(nil)
)

// Options tune a DB. The zero value is a good default.
type Options struct {
	Wait time.Duration // how long to wait for another process; 0: 10 s
	Idle time.Duration // idle time after which the database is closed; 0: 50 ms
	Hold time.Duration // longest use while another process waits; 0: 300 ms

	// Existing says that the folder was made before: if it has no database, that is damage. Without Existing, a
	// database is made in a folder that has none of its files.
	Existing bool
	// ID, if not zero, is the required id of the database ([DB.ID]).
	ID [16]byte

	// Refuse, if not nil, is asked whenever this process has got the database: its error is the answer to
	// updates until it is given up.
	Refuse func() error

	// Layer is how many bytes of updates a journal collects before they are moved to Badger; 0: 4 MiB. While one
	// journal is moved, the other one fills.
	Layer int64
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
	if o.Layer == 0 {
		o.Layer = 4 << 20
	}
	return o
}

// ErrClosed means that the DB was closed.
var ErrClosed = errors.New("database is closed")

// DB is a store.KV over a Badger folder. It is safe for concurrent use, and several processes may open the same folder.
type DB struct {
	dir  string
	opts Options
	lock *lock

	mu       sync.Mutex
	free     sync.Cond    // signalled when users falls to 0 or the state changes
	session  *session     // nil while closed
	lsmBytes atomic.Int64 // committed since it was opened
	reserved atomic.Int64 // bytes of updates that have reserved room
	opening  bool
	yielding bool // another process waits: no new users until the database was closed
	closed   bool
	users    int
	uses     uint64 // grows with every use, so that a timer notices a use
	since    time.Time

	pages sync.Pool // of *pageOf, for scans

	queueMu    sync.Mutex
	quiet      sync.Cond // signalled when committing ends
	queue      []*update
	committing bool        // somebody is committing; otherwise the queue is empty
	refusing   bool        // Close was called
	compact    atomic.Bool // the next session that writes to Badger has it merge its tables
	crowded    bool        // for the committer: the journal is long, and Badger is not open for writing
}

// Open prepares the database in dir, and makes the folder if necessary. The first operation opens the database.
func Open(dir string, o Options) (*DB, error) {
	l, err := newLock(dir, !o.Existing)
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", dir, err)
	}
	d := &DB{dir: dir, opts: o.filled(), lock: l}
	d.free.L, d.quiet.L = &d.mu, &d.queueMu
	return d, nil
}

// Linger changes how long an idle database stays open. A process that serves others then opens it once instead of every
// time. Waiting processes get it as soon as before.
func (d *DB) Linger(idle time.Duration) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.opts.Idle = idle
}

// Close finishes running operations and closes the database.
func (d *DB) Close() error {
	d.mu.Lock()
	if d.closed {
		d.mu.Unlock()
		return nil
	}
	d.closed = true
	d.mu.Unlock()
	d.refuse()
	d.mu.Lock()
	defer d.mu.Unlock()
	for d.users > 0 || d.opening {
		d.free.Wait()
	}
	return errors.Join(d.giveUp(), d.lock.close())
}

// The purpose of a use of the database.
const (
	toRead  = false
	toWrite = true
)

// use opens the database if necessary and keeps it open until done is called. Badger is opened for reading, which takes
// a tenth of the time and makes no files. It is opened again for writing when somebody has to write to it; small
// updates do not.
func (d *DB) use(ctx context.Context, write bool) (s *session, done func(), err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for d.opening || d.yielding || (write && d.session != nil && d.session.readOnly) {
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
	if d.closed && d.session == nil {
		return nil, nil, ErrClosed
	}
	if d.session == nil {
		if err := d.open(ctx, write); err != nil {
			return nil, nil, err
		}
	}
	d.users++
	d.uses++
	return d.session, d.done, nil
}

// isOpen reports whether the database can be used without waiting for another process.
func (d *DB) isOpen() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.session != nil && !d.yielding
}

// hold keeps the session open until done is called. The caller is using the session.
func (d *DB) hold() (done func()) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.users++
	d.uses++
	return d.done
}

// retire closes the session as soon as nobody uses it, because something in it could not be written. The next session
// reads the true state.
func (d *DB) retire() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.yielding = true
}

// open is called with mu held. It releases mu while it waits for others.
func (d *DB) open(ctx context.Context, write bool) error {
	d.opening = true
	d.mu.Unlock()
	s, err := d.openLocked(ctx, write)
	d.mu.Lock()
	d.opening = false
	d.free.Broadcast()
	if err != nil {
		return err
	}
	d.session, d.since = s, time.Now()
	d.lsmBytes.Store(s.left())
	return nil
}

func (d *DB) openLocked(ctx context.Context, write bool) (*session, error) {
	if err := d.lock.acquire(ctx, d.opts.Wait); err != nil {
		return nil, err
	}
	s, err := d.start(write)
	if err != nil {
		return nil, errors.Join(openError(d.dir, err), d.lock.release())
	}
	return s, nil
}

// openError names the folder, unless the error names a file of it.
func openError(dir string, err error) error {
	if errors.Is(err, store.ErrDamaged) {
		return err
	}
	return fmt.Errorf("open %s: %w", dir, err)
}

// done ends one use and schedules the closing of the database.
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
	if d.session != nil {
		d.watch(d.uses, 0)
	}
}

// The times between two looks for a waiting process. The longer the database was idle, the more seldom it is looked.
const (
	glance = 5 * time.Millisecond
	seldom = 50 * time.Millisecond
	share  = 4 // of the time that it was idle
)

// watch closes the database when there was no use since use number uses for the idle time, or sooner if another process
// waits. It has been idle for so long.
func (d *DB) watch(uses uint64, idle time.Duration) {
	step := min(max(idle/share, glance), seldom, d.opts.Idle-idle)
	time.AfterFunc(step, func() {
		d.mu.Lock()
		defer d.mu.Unlock()
		if d.uses != uses || d.users > 0 || d.session == nil || d.opening {
			return
		}
		if idle += step; idle < d.opts.Idle && !d.lock.wanted() {
			d.watch(uses, idle)
			return
		}
		d.giveUp() //nolint:errcheck // every update was synced; the next open reports what is wrong
	})
}

// giveUp closes the database and lets others open it. mu is held. It moves the journals to Badger if Badger is open for
// writing, or if the next session would have too much to read.
func (d *DB) giveUp() error {
	if d.session == nil {
		return nil
	}
	s := d.session
	d.session = nil
	var err error
	if s.readOnly && !s.frozen && s.left() > min(maxLeft, d.opts.Layer) && s.broken == nil && !d.tight(s) {
		s.wait = true
		if err = s.close(); err == nil {
			s, err = d.start(toWrite)
		}
		if err != nil {
			return errors.Join(err, d.lock.release())
		}
	}
	if !s.readOnly && d.tight(s) {
		s.settle()
	} else {
		err = s.finish()
	}
	if !s.readOnly {
		err = errors.Join(err, d.mark(s.db))
	}
	return errors.Join(err, s.close(), d.lock.release())
}
