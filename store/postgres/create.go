package postgres

import (
	"context"
	"crypto/rand"
	_ "embed"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"
)

//go:embed schema.sql
var schema string

// oldest is the oldest supported server version.
const oldest = 150000

// NewAbout describes a new repository with a random id.
func NewAbout(chunks string, acceptLoss bool) About {
	a := About{Chunks: chunks, AcceptLoss: acceptLoss}
	_, _ = rand.Read(a.ID[:]) // never fails
	return a
}

// Create makes an empty repository in the database. The error wraps ErrExists if there is one already, ErrFormat if the
// server is too old, and ErrUnsafe.
func (d *DB) Create(ctx context.Context, a About) error {
	err := d.retry(ctx, d.opts.Wait, func(conn *pgx.Conn) error {
		version := 0
		if err := conn.QueryRow(ctx, "SELECT current_setting('server_version_num')::int", pgx.QueryExecModeExec).Scan(&version); err != nil {
			return err
		}
		if version < oldest {
			return fmt.Errorf("%w: the server is PostgreSQL %d, and %d is the oldest that will do", ErrFormat, version/10000, oldest/10000)
		}
		if err := safe(ctx, conn, a.AcceptLoss); err != nil {
			return err
		}
		// One message is one transaction.
		sql := schema + fmt.Sprintf("\nINSERT INTO mythos.repository (format, id, chunks, loss, arriving) VALUES (%d, '\\x%x', %s, %t, %s);", Format, a.ID, literal(a.Chunks), a.AcceptLoss, a.arriving())
		_, err := conn.PgConn().Exec(ctx, sql).ReadAll()
		return err
	})
	if sqlState(err) == duplicateSchema {
		return fmt.Errorf("%w", ErrExists)
	}
	return err
}

// arriving is the repository that is moved here, as SQL writes it.
func (a About) arriving() string {
	if a.Arriving == ([16]byte{}) {
		return "NULL"
	}
	return fmt.Sprintf("'\\x%x'", a.Arriving)
}

// literal is text as SQL writes it.
func literal(text string) string {
	return "E'" + strings.NewReplacer(`\`, `\\`, `'`, `\'`).Replace(text) + "'"
}

// safe refuses a server that may lose acknowledged data, unless the user has accepted that.
func safe(ctx context.Context, conn *pgx.Conn, accepted bool) error {
	if accepted {
		return nil
	}
	var fsync, synchronous string
	var standbys int
	err := conn.QueryRow(ctx, "SELECT current_setting('fsync'), current_setting('synchronous_standby_names'),"+
		" (SELECT count(*) FROM pg_stat_replication WHERE coalesce(application_name, '') NOT IN ('pg_basebackup', 'pg_receivewal', 'barman_receive_wal'))", pgx.QueryExecModeExec).Scan(&fsync, &synchronous, &standbys)
	switch {
	case err != nil:
		return err
	case fsync != "on":
		return fmt.Errorf("%w: fsync is %s there; set it on, or accept the loss with --accept-loss", ErrUnsafe, fsync)
	case synchronous == "" && standbys > 0:
		return fmt.Errorf("%w: it has %d asynchronous standby; name it in synchronous_standby_names (if it only copies for a backup, grant this role pg_read_all_stats), or accept the loss with --accept-loss", ErrUnsafe, standbys)
	case synchronous == "" && len(conn.Config().Fallbacks) > 0 && severalHosts(conn.Config()):
		return fmt.Errorf("%w: the address names several servers, and synchronous_standby_names is empty; set it, or accept the loss with --accept-loss", ErrUnsafe)
	}
	return nil
}

// severalHosts reports whether an address names more than one server. Each host is tried with and without encryption,
// so a single host has fallbacks, too.
func severalHosts(c *pgx.ConnConfig) bool {
	for _, f := range c.Fallbacks {
		if f.Host != c.Host || f.Port != c.Port {
			return true
		}
	}
	return false
}
