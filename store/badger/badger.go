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
//	holder.lock    held exclusively by the process that has the database open; its text is
//	               the holder's process id
//	waiters.lock   held shared by everybody who waits: a holder that cannot get it
//	               exclusively knows that somebody waits
//	compact        a mark that the next one to open should tidy up when it closes
//	seal           what else the folder must hold (internal/seal)
//
// The kernel drops both locks when a process dies, however it dies.
//
// Updates are durable when they return. One at a time gathers those that have arrived
// together, evaluates their conditions in order, and writes them as one record, with
// one sync, to a journal: a file of its own, which was written once with zeros, so that
// a sync is nothing but a write of data. What a journal holds lies over Badger, in
// memory, until it is moved there in the background. A short session leaves it to the
// next one, which reads it; so that a command which writes little never opens Badger for
// writing, and the database that it leaves behind is as quick to open as before.
//
//	journal.0, journal.1   by turns; records of a generation, replayed in its order
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

// Options tune a DB; the zero value is right.
type Options struct {
	Wait time.Duration // how long to wait for another process; 0: 10 s
	Idle time.Duration // idle time after which the database is given up; 0: 50 ms
	Hold time.Duration // longest use while another process waits; 0: 300 ms

	// Existing says that the folder was made before: one without a database is damage
	// then, and not a new one. Without it a database is made in a folder that has no file
	// of one.
	Existing bool
	// ID, if not zero, is what the database must be called ([DB.ID]).
	ID [16]byte

	// Layer is how many bytes of updates lie in a journal before they are moved to
	// Badger; 0: 4 MiB. While one journal is moved, the next one fills.
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

// DB is a store.KV over a Badger folder. It is safe for concurrent use, and
// several processes may have one on the same folder.
type DB struct {
	dir  string
	opts Options
	lock *lock

	mu       sync.Mutex
	free     sync.Cond    // signalled when users falls to 0 or the state changes
	session  *session     // nil while given up
	lsmBytes atomic.Int64 // committed since it was opened
	reserved atomic.Int64 // bytes of updates that were promised room
	opening  bool
	yielding bool // another process waits: no new users until it was given up
	closed   bool
	users    int
	uses     uint64 // grows with every use, so that a timer can tell that there was one
	since    time.Time

	pages sync.Pool // of *pageOf, for scans

	queueMu    sync.Mutex
	quiet      sync.Cond // signalled when committing ends
	queue      []*update
	committing bool        // somebody is; without that the queue is empty
	refusing   bool        // Close was called
	compact    atomic.Bool // the next one to write to Badger has it merge its tables
	crowded    bool        // of who is committing: the journal is long, and Badger not open for writing
}

// Open prepares the database in dir, which is made when it is not there. The
// database itself is opened by the first operation.
func Open(dir string, o Options) (*DB, error) {
	l, err := newLock(dir, !o.Existing)
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", dir, err)
	}
	d := &DB{dir: dir, opts: o.filled(), lock: l}
	d.free.L, d.quiet.L = &d.mu, &d.queueMu
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
	d.refuse()
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

// use opens the database if need be and keeps it open until done is called. Badger is
// opened for reading, which takes a tenth of the time and makes no files, until
// somebody has to write to it; then it is opened anew. Small updates do not.
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

// isOpen says whether using the database takes no waiting for another process.
func (d *DB) isOpen() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.session != nil && !d.yielding
}

// hold keeps the session, which the caller uses, open until done is called.
func (d *DB) hold() (done func()) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.users++
	d.uses++
	return d.done
}

// retire has the session, in which something could not be written, given up as soon as
// nobody uses it: what comes next reads again what there is.
func (d *DB) retire() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.yielding = true
}

// open is called with mu held, and lets go of it while it waits for others.
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
	if d.session != nil {
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
		if d.uses != uses || d.users > 0 || d.session == nil || d.opening {
			return
		}
		if left -= step; left > 0 && !d.lock.wanted() {
			d.watch(uses, left)
			return
		}
		d.giveUp() //nolint:errcheck // every update was synced; the next open reports what is wrong
	})
}

// giveUp closes the database and lets others have it; mu is held. What the journals
// hold goes to Badger where it is open for writing, or where the next session would
// have too much to read.
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
