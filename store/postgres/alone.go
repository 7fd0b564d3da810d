package postgres

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/mythos-project/mythos/store/kv"
)

// aloneSQL takes the lock that every write shares (mythos.writing).
const aloneSQL = "SELECT pg_advisory_xact_lock(120325495418471) IS NOT NULL"

// Alone waits until no write is under way, and lets nobody write until the Lock is released, or its connection
// is lost. Whoever wants to write tries for a while.
func (d *DB) Alone(ctx context.Context) (*Lock, error) {
	return d.take(ctx, "for a move", aloneSQL)
}

// Move ends a Lock of Alone by saying where the repository has gone: nobody writes to it any more.
func (l *Lock) Move(ctx context.Context, place string) error {
	_, err := l.tx.Exec(ctx, "UPDATE mythos.repository SET moved = $1", place)
	if err == nil {
		err = l.tx.Commit(ctx)
	}
	if err != nil {
		return fmt.Errorf("note where the repository has gone: %w", err)
	}
	l.tx = nil
	return l.Release()
}

// Arrived says that all of a repository is here that was moved here.
func (d *DB) Arrived(ctx context.Context) error {
	return d.use(ctx, func(conn *pgx.Conn) error {
		_, err := conn.Exec(ctx, "UPDATE mythos.repository SET arriving = NULL")
		return err
	})
}

// Reserve implements store.Reserver: it refuses what would be recorded when the repository is elsewhere.
func (d *DB) Reserve(ctx context.Context, _ int64) (free func(), err error) {
	a, err := d.About(ctx)
	if err == nil && a.Moved != "" {
		err = gone(a.Moved)
	}
	return func() {}, err
}

func gone(place string) error { return fmt.Errorf("%w; it is in %s", kv.ErrMoved, place) }

// movedTo is the error of a write that mythos.writing has refused.
func movedTo(err error) error {
	var pg *pgconn.PgError
	if !errors.As(err, &pg) {
		return err
	}
	return gone(pg.Message)
}
