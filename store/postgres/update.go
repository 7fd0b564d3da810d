package postgres

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/mythos-project/mythos/store"
)

const (
	maxKey    = 2000      // bytes of a key; the index allows 2,704
	maxUpdate = 256 << 20 // bytes of an update

	// asking is how long to ask for the result of a sent update: a failover takes a while.
	asking = 45 * time.Second
	// maxLineAge is how long the row of a line stays after its last update. No attempt is in transit for so long.
	maxLineAge = "1 day"
)

// line numbers updates, one at a time.
type line struct {
	slot [16]byte
	n    int64
}

// takeLine returns a line that nobody uses.
func (d *DB) takeLine() *line {
	d.mu.Lock()
	defer d.mu.Unlock()
	if n := len(d.lines); n > 0 {
		l := d.lines[n-1]
		d.lines = d.lines[:n-1]
		return l
	}
	l := &line{}
	_, _ = rand.Read(l.slot[:]) // never fails
	return l
}

// giveLine returns a line whose last update was answered to the pool.
func (d *DB) giveLine(l *line) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.lines = append(d.lines, l)
}

const applySQL = "SELECT mythos.apply($1, $2, $3, $4, $5, $6, $7, $8)"

// errDoubt means that a commit may not be on the standby.
var errDoubt = errors.New("the server gave up waiting for its standby")

// Update implements store.KV. It accepts keys of at most 2,000 bytes, and 256 MiB in all; beyond that the error wraps
// store.ErrTooLarge. Once the update was sent, ctx no longer counts. The error wraps ErrUnknown if no answer says
// whether the update happened.
func (d *DB) Update(ctx context.Context, check, put map[string][]byte) (bool, error) {
	if err := ctx.Err(); err != nil {
		return false, err
	}
	if len(check) == 0 && len(put) == 0 {
		return true, nil
	}
	args, err := newArguments(check, put)
	if err != nil {
		return false, err
	}
	if err := d.use(ctx, func(*pgx.Conn) error { return nil }); err != nil { // until here ctx counts
		return false, fmt.Errorf("update: %w", err)
	}
	l := d.takeLine()
	l.n++
	ok, sent := false, false
	err = d.retry(context.WithoutCancel(ctx), max(d.opts.Wait, asking), func(conn *pgx.Conn) error {
		ok, err = apply(context.WithoutCancel(ctx), conn, l, sent, args)
		sent = sent || (err != nil && !pgconn.SafeToRetry(err) && sqlState(err) != moving)
		return err
	})
	if err != nil {
		if sent && errors.Is(err, ErrUnreachable) {
			err = fmt.Errorf("%w: %w", ErrUnknown, err)
		}
		return false, fmt.Errorf("update: %w", err) // the line is not used again
	}
	tidies := l.n == 1 && l.slot[0] == 0 // one process in 256
	d.giveLine(l)
	if tidies {
		if err := d.forget(ctx); err != nil { // the next one tries again
			d.opts.Debugf("database: %v", err)
		}
	}
	return ok, nil
}

// apply sends an update. again says that an attempt was sent before.
func apply(ctx context.Context, conn *pgx.Conn, l *line, again bool, args arguments) (ok bool, err error) {
	data := conn.PgConn().CustomData()
	delete(data, doubtful)
	err = conn.QueryRow(ctx, applySQL, l.slot[:], l.n, again, args.keys, args.was, args.put, args.values, args.absent).Scan(&ok)
	if data[doubtful] != nil {
		err = errors.Join(errDoubt, err)
	}
	return ok && err == nil, err
}

// doubtful marks a connection whose server has reported that it gave up waiting for its standby. The function itself
// gives no warnings.
const doubtful = "doubtful"

func noteDoubt(conn *pgconn.PgConn, n *pgconn.Notice) {
	if n.Code == warning {
		conn.CustomData()[doubtful] = true
	}
}

// arguments are an update in the form that the function takes: a row per key, ascending.
type arguments struct {
	keys, was [][]byte
	put       []bool
	values    [][]byte
	absent    [][]byte
}

func newArguments(check, put map[string][]byte) (a arguments, err error) {
	names := make([]string, 0, len(check)+len(put))
	size := 0
	for _, m := range []map[string][]byte{check, put} {
		for key, value := range m {
			if len(key) > maxKey {
				err = fmt.Errorf("a key of %d bytes: %w", len(key), store.ErrTooLarge)
			}
			size += len(key) + len(value)
			names = append(names, key)
		}
	}
	if size > maxUpdate {
		err = fmt.Errorf("%d bytes: %w for one update", size, store.ErrTooLarge)
	}
	slices.Sort(names)
	a.absent = [][]byte{}
	for _, key := range slices.Compact(names) {
		was, checked := check[key]
		value, puts := put[key]
		if a.keys = append(a.keys, []byte(key)); checked && was == nil {
			a.absent = append(a.absent, []byte(key))
		}
		a.was, a.put, a.values = append(a.was, was), append(a.put, puts), append(a.values, value)
	}
	return a, err
}

// forget removes the rows of lines that ended long ago.
func (d *DB) forget(ctx context.Context) error {
	return d.use(ctx, func(conn *pgx.Conn) error {
		_, err := conn.Exec(ctx, "DELETE FROM mythos.attempt WHERE at < clock_timestamp() - interval '"+maxLineAge+"'")
		return err
	})
}
