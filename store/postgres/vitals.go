package postgres

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"
)

// Vitals is the condition of a database, by its own clock.
type Vitals struct {
	Server   string        // version
	Bytes    int64         // size of the repository's tables
	Standbys []Standby     // as far as the role may see them
	Queuing  int           // processes that wait for their turn at the end of the log
	Longest  time.Duration // longest wait among them
	Members  []Present
}

// Standby is a copy that follows the server.
type Standby struct {
	Name, Sync string        // Sync as the server has it: sync, quorum, potential, async
	Lag        time.Duration // behind the server
}

// Present is a registered process that serves others from the repository.
type Present struct {
	ID, Kind, Host string
	Agent          string // that it works as
	Slots, Running int
	Since, Seen    time.Duration // ago
	Alive          bool          // it has given a sign of life recently
}

// Vitals reads the condition of the database.
func (d *DB) Vitals(ctx context.Context) (v Vitals, err error) {
	err = d.use(ctx, func(conn *pgx.Conn) error {
		v = Vitals{}
		err := conn.QueryRow(ctx, "SELECT current_setting('server_version'), (SELECT coalesce(sum(pg_total_relation_size(c.oid)), 0)::bigint FROM pg_class c WHERE c.relnamespace = 'mythos'::regnamespace AND c.relkind = 'r')").
			Scan(&v.Server, &v.Bytes)
		if err == nil {
			var longest float64
			number := uint64(lockNumber(turnName(endOfLog)))
			err = conn.QueryRow(ctx, "SELECT count(*), coalesce(extract(epoch FROM max(clock_timestamp() - waitstart)), 0)::float8 FROM pg_locks"+
				" WHERE locktype = 'advisory' AND NOT granted AND objsubid = 1 AND classid::int8 = $1 AND objid::int8 = $2"+
				" AND database = (SELECT oid FROM pg_database WHERE datname = current_database())", int64(number>>32), int64(number&0xffffffff)).Scan(&v.Queuing, &longest)
			v.Longest = seconds(longest)
		}
		if err == nil {
			v.Standbys, err = list(ctx, conn, func(row pgx.Rows, s *Standby) error {
				var lag float64
				err := row.Scan(&s.Name, &s.Sync, &lag)
				s.Lag = seconds(lag)
				return err
			}, "SELECT coalesce(application_name, ''), coalesce(sync_state, ''), coalesce(extract(epoch FROM replay_lag), 0)::float8 FROM pg_stat_replication ORDER BY 1")
		}
		if err == nil {
			v.Members, err = list(ctx, conn, func(row pgx.Rows, p *Present) error {
				var since, seen float64
				err := row.Scan(&p.ID, &p.Kind, &p.Agent, &p.Host, &p.Slots, &p.Running, &since, &seen)
				p.Since, p.Seen = seconds(since), seconds(seen)
				p.Alive = p.Seen < silent
				return err
			}, "SELECT id, kind, agent, host, slots, running, extract(epoch FROM clock_timestamp() - since)::float8, extract(epoch FROM clock_timestamp() - seen)::float8 FROM mythos.server ORDER BY since, id")
		}
		return err
	})
	return v, err
}

func seconds(s float64) time.Duration { return time.Duration(s * float64(time.Second)) }

// list reads the rows of a query.
func list[T any](ctx context.Context, conn *pgx.Conn, scan func(pgx.Rows, *T) error, sql string) (all []T, err error) {
	rows, err := conn.Query(ctx, sql)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var one T
		if err := scan(rows, &one); err != nil {
			return nil, err
		}
		all = append(all, one)
	}
	return all, rows.Err()
}
