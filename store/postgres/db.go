package postgres

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/mythos-project/mythos/store"
	"github.com/mythos-project/mythos/store/kv"
)

var (
	_ store.KV = (*DB)(nil)
	_ kv.Many  = (*DB)(nil)
	_ kv.Turns = (*DB)(nil)
)

// Options tune a DB. The zero value is a good default.
type Options struct {
	Wait   time.Duration // how long to try to reach the server; 0: 10 s
	ID     [16]byte      // if not zero, the required id of the repository ([DB.ID])
	Debugf func(format string, args ...any)

	Arriving bool               // the repository may be one that is still being moved here
	Moved    func(place string) // is told where the repository has gone, once
}

// DB is a store.KV over one PostgreSQL database. It is safe for concurrent use, by any number of
// processes on any number of machines.
type DB struct {
	opts   Options
	pool   *pgxpool.Pool
	pooler atomic.Bool // connections go through a pooler

	mu    sync.Mutex
	about *About // nil: not read yet
	clock clock
	lines []*line // that are free

	gather gathering
}

// connections is the least number of connections of a process, whatever the address says: each lock holds one, and four
// readers have one each.
const connections = 8

// Open prepares the database at an address. The first operation connects.
func Open(address string, o Options) (*DB, error) {
	if err := CheckAddress(address); err != nil {
		return nil, err
	}
	c, err := parse(address)
	if err != nil {
		return nil, err
	}
	if o.Wait == 0 {
		o.Wait = 10 * time.Second
	}
	if o.Debugf == nil {
		o.Debugf = func(string, ...any) {}
	}
	if c.ConnConfig.RuntimeParams["application_name"] == "" {
		c.ConnConfig.RuntimeParams["application_name"] = "mythos"
	}
	if c.ConnConfig.ConnectTimeout == 0 {
		c.ConnConfig.ConnectTimeout = o.Wait
	}
	if c.ConnConfig.ValidateConnect == nil { // an address may name the primary and its standbys
		c.ConnConfig.ValidateConnect = pgconn.ValidateConnectTargetSessionAttrsReadWrite
	}
	c.ConnConfig.OnNotice = noteDoubt
	c.MaxConns, c.MinConns, c.MinIdleConns = max(c.MaxConns, connections), 0, 0
	c.ShouldPing = func(context.Context, pgxpool.ShouldPingParams) bool { return false } // a failed operation is tried again
	d := &DB{opts: o}
	c.BeforeConnect = d.unprepared
	if d.pool, err = pgxpool.NewWithConfig(context.Background(), c); err != nil {
		return nil, fmt.Errorf("%w: %s", ErrAddress, reason(err))
	}
	return d, nil
}

// Close closes the connections.
func (d *DB) Close() error {
	d.pool.Close()
	return nil
}

// About describes the repository in a database.
type About struct {
	ID         [16]byte
	Chunks     string // the address of the bucket
	AcceptLoss bool   // a user has accepted that a failover may lose acknowledged data

	Arriving [16]byte // the repository that is still being moved here, if not zero
	Moved    string   // where the repository has gone; empty: it is here
}

// ID is the id of the repository in the database.
func (d *DB) ID(ctx context.Context) ([16]byte, error) {
	a, err := d.About(ctx)
	return a.ID, err
}

// About reads the description of the repository. The error wraps ErrNoRepository, ErrFormat, ErrUnsafe, ErrUnreachable,
// or store.ErrDamaged if it is not the expected repository.
func (d *DB) About(ctx context.Context) (About, error) {
	err := d.use(ctx, func(*pgx.Conn) error { return nil })
	if err != nil {
		return About{}, err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	return *d.about, nil
}

// look checks with the first connection which repository the database holds.
func (d *DB) look(ctx context.Context, conn *pgx.Conn) error {
	d.mu.Lock()
	seen := d.about != nil
	d.mu.Unlock()
	if seen {
		return nil
	}
	a, format, id, session, arriving := About{}, 0, []byte(nil), uint32(0), []byte(nil)
	err := conn.QueryRow(ctx, "SELECT format, id, chunks, loss, pg_backend_pid(), arriving, coalesce(moved, '') FROM mythos.repository", pgx.QueryExecModeExec).
		Scan(&format, &id, &a.Chunks, &a.AcceptLoss, &session, &arriving, &a.Moved)
	if code := sqlState(err); code == undefinedTable || code == undefinedSchema || errors.Is(err, pgx.ErrNoRows) {
		return fmt.Errorf("%w; `mythos init` makes one", ErrNoRepository)
	}
	if err != nil {
		return err
	}
	if format != Format {
		return fmt.Errorf("%w: it is %d, and this program reads %d; use a mythos that reads it", ErrFormat, format, Format)
	}
	if len(arriving) == len(a.Arriving) {
		a.Arriving = [16]byte(arriving)
	}
	if arriving != nil && !d.opts.Arriving {
		return kv.ErrArriving
	}
	if len(id) != len(a.ID) {
		return fmt.Errorf("%w: the id of the repository has %d bytes", store.ErrDamaged, len(id))
	}
	a.ID = [16]byte(id)
	if d.opts.ID != ([16]byte{}) && a.ID != d.opts.ID {
		return fmt.Errorf("%w: this is the database of another repository", store.ErrDamaged)
	}
	if err := errors.Join(safe(ctx, conn, a.AcceptLoss), d.through(conn, session)); err != nil {
		return err
	}
	d.mu.Lock()
	first := d.about == nil
	d.about = &a
	d.mu.Unlock()
	if first && a.Moved != "" && d.opts.Moved != nil {
		d.opts.Moved(a.Moved)
	}
	return nil
}

// use calls fn with a connection to a checked repository. It tries again while the server cannot be reached or has
// rolled back, so fn may run several times.
func (d *DB) use(ctx context.Context, fn func(conn *pgx.Conn) error) error {
	return d.retry(ctx, d.opts.Wait, func(conn *pgx.Conn) error {
		if err := d.look(ctx, conn); err != nil {
			return err
		}
		if err := d.tick(ctx, conn); err != nil {
			return err
		}
		return fn(conn)
	})
}
