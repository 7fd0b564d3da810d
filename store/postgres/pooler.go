package postgres

import (
	"context"
	"errors"

	"github.com/jackc/pgx/v5"
)

// errPooler means that a connection leads to a pooler such as pgbouncer, which may give each transaction another session of the
// server: what one has prepared, the next one does not know.
var errPooler = errors.New("the connection leads through a pooler")

// unprepared has later connections prepare no statements, where they lead through a pooler.
func (d *DB) unprepared(_ context.Context, c *pgx.ConnConfig) error {
	if d.pooler.Load() {
		c.DefaultQueryExecMode = pgx.QueryExecModeExec
	}
	return nil
}

// through looks whether a connection is to the session with the number, as it is without a pooler: that makes numbers up, as
// nobody could cancel what another client asked otherwise. The error is errPooler the first time.
func (d *DB) through(conn *pgx.Conn, session uint32) error {
	if conn.PgConn().PID() == session || d.pooler.Swap(true) {
		return nil
	}
	d.pool.Reset()
	return errPooler
}
