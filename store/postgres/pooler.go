package postgres

import (
	"context"
	"errors"

	"github.com/jackc/pgx/v5"
)

// errPooler means that a connection goes through a pooler such as pgbouncer, which may give each transaction another
// session of the server: statements prepared in one session are unknown in the next.
var errPooler = errors.New("the connection leads through a pooler")

// unprepared makes later connections prepare no statements if they go through a pooler.
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

// prepared is errPooler instead of the error of a connection that was made before the pooler was noticed. Nothing was done there.
func (d *DB) prepared(err error) error {
	if code := sqlState(err); d.pooler.Load() && (code == noStatement || code == sameStatement) {
		return errPooler
	}
	return err
}
