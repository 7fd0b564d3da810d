package socket

import (
	"bytes"
	"context"
	"errors"
	"sync"
	"time"

	"github.com/mythos-project/mythos/store"
	"github.com/mythos-project/mythos/store/badger"
	"github.com/mythos-project/mythos/store/kv"
)

var (
	_ store.KV        = (*DB)(nil)
	_ store.Reclaimer = (*DB)(nil)
	_ store.Verifier  = (*DB)(nil)
	_ store.Reserver  = (*DB)(nil)
	_ kv.Cutter       = (*DB)(nil)
)

// Options tune a DB.
type Options struct {
	Wait   time.Duration // how long to wait for the first answer of a server, and for the end of a move; 0: 10 s
	Debugf func(format string, args ...any)
}

// DB is a store.KV: that of the process which serves the repository, if there is one, and otherwise its own. It is safe
// for concurrent use.
type DB struct {
	dir  string
	own  store.KV
	opts Options

	mu     sync.Mutex
	looked bool    // for a server
	server *client // nil: no server, use our own database
}

// Open uses the repository in dir, a .mythos folder, with own as its database if no process serves it. Nothing happens
// before the first operation.
func Open(dir string, own store.KV, o Options) *DB {
	if o.Wait == 0 {
		o.Wait = 10 * time.Second
	}
	if o.Debugf == nil {
		o.Debugf = func(string, ...any) {}
	}
	return &DB{dir: dir, own: own, opts: o}
}

// Listen makes this process the server of the repository until the Server is closed. The error wraps ErrServed if there
// is another server.
func (d *DB) Listen() (*Server, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	s, err := listen(d.dir, d.own)
	if err == nil {
		d.looked = true
		d.drop()
	}
	return s, err
}

// Close ends the connection. The owner of the database closes the database itself.
func (d *DB) Close() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.drop()
	return nil
}

// drop forgets the server. mu is held.
func (d *DB) drop() {
	if d.server != nil {
		_ = d.server.rpc.Close() // every request was answered or given up
		d.server = nil
	}
}

// pick returns the server; nil: use our own database.
func (d *DB) pick() (*client, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.looked {
		return d.server, nil
	}
	c, err := dial(d.dir, d.opts.Wait)
	if errors.Is(err, badger.ErrBusy) {
		return nil, err
	}
	d.looked = true
	if err != nil {
		return nil, nil //nolint:nilerr // nobody serves: we take turns with others
	}
	d.server = c
	d.opts.Debugf("works through the local socket of `mythos serve` (process %d)", c.pid)
	return c, nil
}

// lost records that a server has gone. The next operation looks for another.
func (d *DB) lost(c *client) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.server != c {
		return // another caller has noticed, too
	}
	d.drop()
	d.looked = false
	d.opts.Debugf("`mythos serve` (process %d) has ended; going on without it", c.pid)
}

// use calls fn with the server, or own if there is none. It tries again when a server goes away.
func (d *DB) use(fn func(c *client) error, own func() error) error {
	for {
		c, err := d.pick()
		if err != nil {
			return err
		}
		if c == nil {
			return own()
		}
		if err = fn(c); !errors.Is(err, errGone) {
			return err
		}
		d.lost(c)
	}
}

// Get implements store.KV.
func (d *DB) Get(ctx context.Context, key string) (value []byte, found bool, err error) {
	err = d.use(func(c *client) error {
		value, found, err = c.get(ctx, key)
		return err
	}, func() error {
		value, found, err = d.own.Get(ctx, key)
		return err
	})
	return value, found, err
}

// Scan implements store.KV. It holds one page, at most 512 pairs.
func (d *DB) Scan(ctx context.Context, from, to string, fn func(key string, value []byte) error) error {
	for more := true; more; {
		var list []pair
		err := d.use(func(c *client) (err error) {
			list, more, err = c.page(ctx, from, to)
			return err
		}, func() error {
			list, more = nil, false
			return d.own.Scan(ctx, from, to, fn)
		})
		if err != nil {
			return err
		}
		for _, p := range list {
			if err := ctx.Err(); err != nil {
				return err
			}
			if err := fn(p.Key, p.value()); err != nil {
				return err
			}
			from = p.Key + "\x00"
		}
	}
	return nil
}

// Update implements store.KV. While the server moves the repository elsewhere, it tries again, and the error wraps
// kv.ErrMoving if that takes too long. The error wraps ErrLost if the server ended during the update and others have
// changed the same keys since.
func (d *DB) Update(ctx context.Context, check, put map[string][]byte) (ok bool, err error) {
	doubt := false // an update was sent and not answered
	err = d.use(func(c *client) error {
		return d.patiently(ctx, func() error {
			ok, err = c.update(ctx, check, put)
			doubt = doubt || (errors.Is(err, errGone) && !errors.Is(err, errUnsent))
			return err
		})
	}, func() error {
		ok, err = d.own.Update(ctx, check, put)
		return err
	})
	if err != nil || ok || !doubt {
		return ok, err
	}
	// The condition no longer holds: because our update happened, or because of another one.
	if done, err := d.holds(ctx, put); err != nil || done {
		return done, err
	}
	return false, ErrLost
}

// patiently calls fn until the server does not refuse it because it moves the repository.
func (d *DB) patiently(ctx context.Context, fn func() error) error {
	deadline := time.Now().Add(d.opts.Wait)
	for pause := 5 * time.Millisecond; ; pause = min(2*pause, 500*time.Millisecond) {
		err := fn()
		if !errors.Is(err, kv.ErrMoving) || time.Now().After(deadline) {
			return err
		}
		d.opts.Debugf("%v; trying again", err)
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return errors.Join(ctx.Err(), err)
		}
	}
}

// holds reports whether all keys have these values.
func (d *DB) holds(ctx context.Context, put map[string][]byte) (bool, error) {
	for key, want := range put {
		have, found, err := d.Get(ctx, key)
		if err != nil || found != (want != nil) || !bytes.Equal(have, want) {
			return false, err
		}
	}
	return true, nil
}

// Reclaim implements store.Reclaimer.
func (d *DB) Reclaim(ctx context.Context) error {
	return d.use(func(c *client) error { return c.reclaim(ctx) }, func() error {
		if r, ok := d.own.(store.Reclaimer); ok {
			return r.Reclaim(ctx)
		}
		return nil
	})
}

// Verify implements store.Verifier.
func (d *DB) Verify(ctx context.Context) error {
	return d.use(func(c *client) error { return c.verify(ctx) }, func() error {
		if v, ok := d.own.(store.Verifier); ok {
			return v.Verify(ctx)
		}
		return nil
	})
}

// Cuts implements kv.Cutter.
func (d *DB) Cuts(ctx context.Context) (cuts []kv.Cut, err error) {
	err = d.use(func(c *client) (err error) {
		cuts, err = c.cuts(ctx)
		return err
	}, func() (err error) {
		if v, ok := d.own.(kv.Cutter); ok {
			cuts, err = v.Cuts(ctx)
		}
		return err
	})
	return cuts, err
}

// Reserve implements store.Reserver. A server only reports whether there is room.
func (d *DB) Reserve(ctx context.Context, bytes int64) (free func(), err error) {
	free = func() {}
	err = d.use(func(c *client) error { return c.room(ctx, bytes) }, func() error {
		r, ok := d.own.(store.Reserver)
		if !ok {
			return nil
		}
		var err error
		free, err = r.Reserve(ctx, bytes)
		return err
	})
	return free, err
}
