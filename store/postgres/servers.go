package postgres

import (
	"context"
	"os"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
)

const (
	signs  = 4 * time.Second  // interval between a server's signs of life
	silent = 20 * time.Second // without a sign of life for so long, the server is gone
)

// Member is a process that serves others from the repository.
type Member struct {
	ID, Kind string
	Agent    string     // that it works as
	Slots    int        // tasks that it runs at a time
	Running  func() int // tasks that it runs now; nil: none
}

// Register makes a process known until giveUp is called, and sends signs of life for it. The database's clock counts.
// Entries of lost processes are removed after a day.
func (d *DB) Register(ctx context.Context, m Member) (giveUp func() error, err error) {
	host, err := os.Hostname()
	if err != nil {
		host = "?"
	}
	sign := func(ctx context.Context) error {
		running := 0
		if m.Running != nil {
			running = m.Running()
		}
		return d.use(ctx, func(conn *pgx.Conn) error {
			_, err := conn.Exec(ctx, "INSERT INTO mythos.server (id, kind, agent, host, slots, running) SELECT $1, $2, $3, $4, $5, $6 FROM mythos.writing()"+
				" ON CONFLICT (id) DO UPDATE SET seen = clock_timestamp(), running = excluded.running", m.ID, m.Kind, m.Agent, host, m.Slots, running)
			return err
		})
	}
	if err := sign(ctx); err != nil {
		return nil, err
	}
	err = d.use(ctx, func(conn *pgx.Conn) error {
		_, err := conn.Exec(ctx, "DELETE FROM mythos.server WHERE seen < clock_timestamp() - interval '1 day'")
		return err
	})
	if err != nil {
		return nil, err
	}
	alive, stop := context.WithCancel(context.WithoutCancel(ctx))
	var done sync.WaitGroup
	done.Go(func() {
		tick := time.NewTicker(signs)
		defer tick.Stop()
		for {
			select {
			case <-alive.Done():
				return
			case <-tick.C:
				if err := sign(alive); err != nil && alive.Err() == nil {
					d.opts.Debugf("sign of life: %v", err)
				}
			}
		}
	})
	return func() error {
		stop()
		done.Wait()
		ctx := context.Background()
		return d.use(ctx, func(conn *pgx.Conn) error {
			_, err := conn.Exec(ctx, "DELETE FROM mythos.server WHERE id = $1", m.ID)
			return err
		})
	}, nil
}

// Registered reports whether a server has given a sign of life recently.
func (d *DB) Registered(ctx context.Context, id string) (alive bool, err error) {
	err = d.use(ctx, func(conn *pgx.Conn) error {
		return conn.QueryRow(ctx, "SELECT EXISTS (SELECT FROM mythos.server WHERE id = $1 AND seen > clock_timestamp() - make_interval(secs => $2))", id, silent.Seconds()).Scan(&alive)
	})
	return alive, err
}
