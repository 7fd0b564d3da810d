package postgres

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"
)

// clock is the last reading of the database's clock, and when it was read.
type clock struct {
	base time.Time
	read time.Time // local time with a monotonic reading; zero: never read
}

// again is how long the local clock is trusted to run like the database's.
const again = 30 * time.Second

// now is never ahead of the database's clock, except for their drift since the last reading.
func (c clock) now() time.Time { return c.base.Add(time.Since(c.read)) }

// stale reports whether the clock has to be read again. After a machine slept, its wall clock has gone on and its
// monotonic clock has not.
func (c clock) stale() bool {
	monotonic, wall := time.Since(c.read), time.Now().Round(0).Sub(c.read.Round(0))
	return c.read.IsZero() || monotonic > again || wall-monotonic > time.Second || monotonic-wall > time.Second
}

// tick reads the database's clock from time to time.
func (d *DB) tick(ctx context.Context, conn *pgx.Conn) error {
	d.mu.Lock()
	stale := d.clock.stale()
	d.mu.Unlock()
	if !stale {
		return nil
	}
	var now time.Time
	if err := conn.QueryRow(ctx, "SELECT clock_timestamp()", pgx.QueryExecModeExec).Scan(&now); err != nil {
		return err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.clock = clock{base: now, read: time.Now()}
	return nil
}

// Now is the time of the database, by which all machines agree on what has expired. It asks the server unless it has
// done so recently; the error is that of reaching the server.
func (d *DB) Now(ctx context.Context) (time.Time, error) {
	d.mu.Lock()
	c := d.clock
	d.mu.Unlock()
	if c.stale() {
		if err := d.use(ctx, func(*pgx.Conn) error { return nil }); err != nil {
			return time.Time{}, err
		}
		d.mu.Lock()
		c = d.clock
		d.mu.Unlock()
	}
	return c.now(), nil
}
