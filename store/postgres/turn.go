package postgres

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/mythos-project/mythos/store/kv"
)

// maxTurn is how long a process may hold a turn before the server takes it away.
const maxTurn = "5s"

// Turn implements kv.Turns. It takes one round trip if nobody else has the turn.
func (d *DB) Turn(ctx context.Context, key string) (value []byte, end func(), err error) {
	if _, err := d.About(ctx); err != nil {
		return nil, nil, err
	}
	conn, err := d.pool.Acquire(ctx)
	if err != nil {
		return nil, nil, fmt.Errorf("turn: %w", err)
	}
	end = func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		if _, err := conn.Exec(ctx, "ROLLBACK"); err != nil {
			_ = conn.Conn().Close(ctx)
		}
		conn.Release()
	}
	b := &pgx.Batch{}
	b.Queue("BEGIN ISOLATION LEVEL READ COMMITTED")
	b.Queue("SET LOCAL idle_in_transaction_session_timeout = '" + maxTurn + "'")
	b.Queue("SELECT pg_advisory_xact_lock($1)", lockNumber(turnName(key)))
	b.Queue("SELECT v FROM mythos.kv WHERE k = $1", []byte(key)).QueryRow(func(row pgx.Row) error {
		if err := row.Scan(&value); !errors.Is(err, pgx.ErrNoRows) {
			return err
		}
		return nil
	})
	if err := conn.SendBatch(ctx, b).Close(); err != nil {
		_ = conn.Conn().Close(context.WithoutCancel(ctx))
		conn.Release()
		return nil, nil, fmt.Errorf("turn: %w", err)
	}
	return value, end, nil
}

// endOfLog is the key for which all processes queue.
const endOfLog = kv.LedgerEnd

// turnName is the name of the lock for the turn at a key.
func turnName(key string) string { return "turn " + key }
