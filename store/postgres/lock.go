package postgres

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// Lock is a lock that one process holds, among all that use the repository. It belongs to an open transaction: the
// server frees it when the process or its machine is gone, and it works behind a pooler.
type Lock struct {
	conn *pgxpool.Conn
	tx   pgx.Tx
}

// TryLock takes the lock with a name; nil if another process has it.
func (d *DB) TryLock(ctx context.Context, name string) (*Lock, error) {
	return d.lock(ctx, name, "SELECT pg_try_advisory_xact_lock($1)")
}

// WaitLock waits for the lock with a name until ctx ends.
func (d *DB) WaitLock(ctx context.Context, name string) (*Lock, error) {
	return d.lock(ctx, name, "SELECT pg_advisory_xact_lock($1) IS NOT NULL")
}

func (d *DB) lock(ctx context.Context, name, sql string) (*Lock, error) {
	return d.take(ctx, name, sql, lockNumber(name))
}

func (d *DB) take(ctx context.Context, name, sql string, args ...any) (l *Lock, err error) {
	if _, err := d.About(ctx); err != nil {
		return nil, err
	}
	conn, err := d.pool.Acquire(ctx)
	if err != nil {
		return nil, fmt.Errorf("lock %s: %w", name, err)
	}
	tx, err := conn.Begin(ctx)
	if err == nil {
		_, err = tx.Exec(ctx, "SET LOCAL idle_in_transaction_session_timeout = 0")
	}
	got := false
	if err == nil {
		err = tx.QueryRow(ctx, sql, args...).Scan(&got)
	}
	l = &Lock{conn, tx}
	if err != nil {
		_ = l.Release()
		return nil, errors.Join(ctx.Err(), fmt.Errorf("lock %s: %w", name, err))
	}
	if !got {
		return nil, l.Release()
	}
	return l, nil
}

// lockNumber is the server's number for the lock with a name.
func lockNumber(name string) int64 {
	sum := sha256.Sum256([]byte("mythos " + name))
	return int64(binary.BigEndian.Uint64(sum[:]))
}

// Release frees the lock. If its connection was lost, it is free already.
func (l *Lock) Release() error {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	if l.tx != nil {
		_ = l.tx.Rollback(ctx) // a failure closes the connection
	}
	l.conn.Release()
	return nil
}
