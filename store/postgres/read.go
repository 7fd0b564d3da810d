package postgres

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"
)

// Get implements store.KV.
func (d *DB) Get(ctx context.Context, key string) (value []byte, found bool, err error) {
	if err := ctx.Err(); err != nil {
		return nil, false, err
	}
	q := &question{key: key, done: make(chan struct{})}
	if err := d.ask(ctx, q); err != nil {
		return nil, false, fmt.Errorf("read: %w", err)
	}
	if !q.found {
		return nil, false, nil
	}
	return q.value, true, nil
}

// GetMany implements kv.Many, in one round trip.
func (d *DB) GetMany(ctx context.Context, keys []string) (map[string][]byte, error) {
	list := make([][]byte, len(keys))
	for i, key := range keys {
		list[i] = []byte(key)
	}
	var values map[string][]byte
	err := d.use(ctx, func(conn *pgx.Conn) error {
		values = make(map[string][]byte, len(keys))
		return each(ctx, conn, func(p pair) { values[string(p.key)] = p.value }, "SELECT k, v FROM mythos.kv WHERE k = ANY($1)", list)
	})
	if err != nil {
		return nil, fmt.Errorf("read: %w", err)
	}
	return values, nil
}

type pair struct{ key, value []byte }

func each(ctx context.Context, conn *pgx.Conn, fn func(pair), sql string, args ...any) error {
	rows, err := conn.Query(ctx, sql, args...)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var p pair
		if err := rows.Scan(&p.key, &p.value); err != nil {
			return err
		}
		fn(p)
	}
	return rows.Err()
}

const (
	firstPage = 64      // keys
	maxPage   = 1024    // keys
	pageBytes = 2 << 20 // that a page should have
)

// Scan implements store.KV. It holds one page of about 2 MiB, if its values are as long as the ones before.
func (d *DB) Scan(ctx context.Context, from, to string, fn func(key string, value []byte) error) error {
	limit := firstPage
	for {
		var page []pair
		size := 0
		err := d.use(ctx, func(conn *pgx.Conn) error {
			page, size = page[:0], 0
			return each(ctx, conn, func(p pair) {
				page, size = append(page, p), size+len(p.key)+len(p.value)
			}, "SELECT k, v FROM mythos.kv WHERE k >= $1 AND k < $2 ORDER BY k LIMIT $3", []byte(from), []byte(to), limit)
		})
		if err != nil {
			return fmt.Errorf("scan: %w", err)
		}
		for _, p := range page {
			if err := ctx.Err(); err != nil {
				return err
			}
			if err := fn(string(p.key), p.value); err != nil {
				return err
			}
		}
		if len(page) < limit {
			return ctx.Err()
		}
		from = string(page[len(page)-1].key) + "\x00"
		limit = min(max(pageBytes*len(page)/size, 1), maxPage)
	}
}
