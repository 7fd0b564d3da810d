// Package badger keeps a store's keys in Badger v4. It is the only importer of it.
//
// Badger takes one process at a time, and shells run many. A [DB] therefore opens
// the database at the first operation and gives it up when it has been idle for a
// moment, or as soon as another process waits and it has been held for a while:
// no command holds the database while a tool runs or a stream is read.
//
// Updates are durable when they return. One goroutine gathers those that arrive
// together, evaluates their conditions in order, and commits them in one
// transaction with one sync.
package badger

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/dgraph-io/badger/v4"
	"github.com/dgraph-io/badger/v4/options"

	"github.com/mythos-project/mythos/store"
)

var _ store.KV = (*DB)(nil)

// Options tune a DB; the zero value is right.
type Options struct {
	Wait time.Duration // how long to wait for another process; 0: 10 s
	Idle time.Duration // idle time after which the database is given up; 0: 50 ms
	Hold time.Duration // longest use while another process waits; 0: 200 ms
}

func (o Options) filled() Options {
	if o.Wait == 0 {
		o.Wait = 10 * time.Second
	}
	if o.Idle == 0 {
		o.Idle = 50 * time.Millisecond
	}
	if o.Hold == 0 {
		o.Hold = 200 * time.Millisecond
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
	free     sync.Cond  // signalled when users falls to 0 or the state changes
	db       *badger.DB // nil while given up
	opening  bool
	yielding bool // another process waits: no new users until it was given up
	closed   bool
	users    int
	since    time.Time // when it was opened
	idle     *time.Timer

	updates  chan *update
	stopped  chan struct{}
	finished sync.WaitGroup
}

// Open prepares the database in dir, which is made when it is not there. The
// database itself is opened by the first operation.
func Open(dir string, o Options) (*DB, error) {
	l, err := newLock(dir)
	if err != nil {
		return nil, err
	}
	d := &DB{dir: dir, opts: o.filled(), lock: l, updates: make(chan *update, maxBatch), stopped: make(chan struct{})}
	d.free.L = &d.mu
	d.finished.Go(d.commitLoop)
	return d, nil
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
	d.finished.Wait()
	d.mu.Lock()
	defer d.mu.Unlock()
	for d.users > 0 || d.opening {
		d.free.Wait()
	}
	return errors.Join(d.giveUp(), d.lock.close())
}

// use opens the database if need be and keeps it open until done is called.
func (d *DB) use(ctx context.Context) (db *badger.DB, done func(), err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for d.opening || d.yielding {
		d.free.Wait()
	}
	if d.closed && d.db == nil {
		return nil, nil, ErrClosed
	}
	if d.db == nil {
		if err := d.open(ctx); err != nil {
			return nil, nil, err
		}
	}
	d.users++
	return d.db, d.done, nil
}

// open is called with mu held, and lets go of it while it waits for others.
func (d *DB) open(ctx context.Context) error {
	d.opening = true
	d.mu.Unlock()
	db, err := d.openLocked(ctx)
	d.mu.Lock()
	d.opening = false
	d.free.Broadcast()
	if err != nil {
		return err
	}
	d.db, d.since = db, time.Now()
	return nil
}

func (d *DB) openLocked(ctx context.Context) (*badger.DB, error) {
	if err := d.lock.acquire(ctx, d.opts.Wait); err != nil {
		return nil, err
	}
	db, err := badger.Open(badgerOptions(d.dir))
	if err != nil {
		return nil, errors.Join(fmt.Errorf("open %s: %w", d.dir, err), d.lock.release())
	}
	return db, nil
}

func badgerOptions(dir string) badger.Options {
	return badger.DefaultOptions(dir).
		WithLogger(nil).
		WithMetricsEnabled(false).
		WithSyncWrites(true). // one sync a transaction; commitLoop makes one transaction of many updates
		WithNumVersionsToKeep(1).
		WithDetectConflicts(false). // commitLoop is the only writer
		WithCompression(options.None).
		WithMemTableSize(64 << 20).
		WithNumMemtables(3).
		WithNumLevelZeroTables(4).
		WithNumCompactors(2).
		WithValueLogFileSize(64 << 20).
		WithValueThreshold(256 << 10).
		WithBlockCacheSize(0).
		WithIndexCacheSize(0)
}

// done ends one use and arranges for the database to be given up.
func (d *DB) done() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.users--
	if d.users > 0 {
		if !d.yielding && time.Since(d.since) > d.opts.Hold && d.lock.wanted() {
			d.yielding = true
		}
		return
	}
	if d.yielding || (time.Since(d.since) > d.opts.Hold && d.lock.wanted()) {
		d.giveUp() //nolint:errcheck // the next open reports what is wrong
	}
	d.yielding = false
	d.free.Broadcast()
	if d.db == nil {
		return
	}
	if d.idle == nil {
		d.idle = time.AfterFunc(d.opts.Idle, d.idled)
		return
	}
	d.idle.Reset(d.opts.Idle)
}

func (d *DB) idled() {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.users == 0 && d.db != nil && !d.opening {
		d.giveUp() //nolint:errcheck // the next open reports what is wrong
	}
}

// giveUp closes the database and lets others have it; mu is held.
func (d *DB) giveUp() error {
	if d.db == nil {
		return nil
	}
	err := d.db.Close()
	d.db = nil
	return errors.Join(err, d.lock.release())
}

// Get implements store.KV.
func (d *DB) Get(ctx context.Context, key string) (value []byte, found bool, err error) {
	db, done, err := d.use(ctx)
	if err != nil {
		return nil, false, err
	}
	defer done()
	err = db.View(func(txn *badger.Txn) error {
		value, found, err = get(txn, key)
		return err
	})
	return value, found, err
}

func get(txn *badger.Txn, key string) ([]byte, bool, error) {
	item, err := txn.Get([]byte(key))
	if errors.Is(err, badger.ErrKeyNotFound) {
		return nil, false, nil
	}
	if err != nil {
		return nil, false, err
	}
	value, err := item.ValueCopy(nil)
	if value == nil {
		value = []byte{}
	}
	return value, err == nil, err
}

// scanPage is how many pairs a scan reads before it hands them out, so that fn
// runs while the database is free.
const scanPage = 512

// Scan implements store.KV. Pairs are read in pages; fn may use the DB and sees
// what others write behind the page it is in.
func (d *DB) Scan(ctx context.Context, from, to string, fn func(key string, value []byte) error) error {
	for {
		keys, values, err := d.page(ctx, from, to)
		if err != nil {
			return err
		}
		for i, key := range keys {
			if err := fn(key, values[i]); err != nil {
				return err
			}
		}
		if len(keys) < scanPage {
			return nil
		}
		from = keys[len(keys)-1] + "\x00"
	}
}

func (d *DB) page(ctx context.Context, from, to string) (keys []string, values [][]byte, err error) {
	db, done, err := d.use(ctx)
	if err != nil {
		return nil, nil, err
	}
	defer done()
	err = db.View(func(txn *badger.Txn) error {
		o := badger.DefaultIteratorOptions
		o.Prefix = commonPrefix(from, to)
		it := txn.NewIterator(o)
		defer it.Close()
		for it.Seek([]byte(from)); it.Valid() && len(keys) < scanPage; it.Next() {
			item := it.Item()
			if bytes.Compare(item.Key(), []byte(to)) >= 0 {
				return nil
			}
			value, err := item.ValueCopy(nil)
			if err != nil {
				return err
			}
			keys, values = append(keys, string(item.Key())), append(values, value)
		}
		return ctx.Err()
	})
	return keys, values, err
}

func commonPrefix(a, b string) []byte {
	n := 0
	for n < len(a) && n < len(b) && a[n] == b[n] {
		n++
	}
	return []byte(a[:n])
}
