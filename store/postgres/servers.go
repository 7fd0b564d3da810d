package postgres

import (
	"context"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
)

const (
	signs  = 5 * time.Second  // between two signs of life of a server
	silent = 30 * time.Second // without one: the server is gone
)

// Register makes a server known until it is given up, and gives signs of life for it. The database's clock
// counts. Servers that are gone are removed.
func (d *DB) Register(ctx context.Context, id string) (giveUp func() error, err error) {
	sign := func(ctx context.Context) error {
		return d.use(ctx, func(conn *pgx.Conn) error {
			_, err := conn.Exec(ctx, "INSERT INTO mythos.server (id) VALUES ($1) ON CONFLICT (id) DO UPDATE SET seen = clock_timestamp()", id)
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
			_, err := conn.Exec(ctx, "DELETE FROM mythos.server WHERE id = $1", id)
			return err
		})
	}, nil
}

// Registered reports whether a server has given a sign of life lately.
func (d *DB) Registered(ctx context.Context, id string) (alive bool, err error) {
	err = d.use(ctx, func(conn *pgx.Conn) error {
		return conn.QueryRow(ctx, "SELECT EXISTS (SELECT FROM mythos.server WHERE id = $1 AND seen > clock_timestamp() - make_interval(secs => $2))", id, silent.Seconds()).Scan(&alive)
	})
	return alive, err
}
