package postgres

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/store"
)

// Chunks records which chunks a bucket has, which puts are running, and what a collection may delete. The bytes are in
// the bucket (store/bucket): they are durable before Keep, and are deleted after Retire.
type Chunks struct{ d *DB }

// Chunks is the table of the chunks.
func (d *DB) Chunks() *Chunks { return &Chunks{d} }

// At is the place of a chunk.
type At struct {
	Generation int
	Size       int64
}

// row reads one row into dest; false if there is none.
func (c *Chunks) row(ctx context.Context, dest []any, sql string, args ...any) (found bool, err error) {
	err = c.d.use(ctx, func(conn *pgx.Conn) error {
		err := conn.QueryRow(ctx, sql, args...).Scan(dest...)
		if found = err == nil; errors.Is(err, pgx.ErrNoRows) {
			return nil
		}
		return err
	})
	if err != nil {
		return false, fmt.Errorf("table of chunks: %w", err)
	}
	return found, nil
}

func (c *Chunks) exec(ctx context.Context, sql string, args ...any) (rows int64, err error) {
	err = c.d.use(ctx, func(conn *pgx.Conn) error {
		tag, err := conn.Exec(ctx, sql, args...)
		rows = tag.RowsAffected()
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("table of chunks: %w", err)
	}
	return rows, nil
}

func key(h object.Hash) []byte { return h.Sum[:] }

// maxSilence is how long a put may give no sign of life before collections consider it dead.
const maxSilence = 5 * time.Minute

// SignOfLife is the interval between a put's signs of life.
const SignOfLife = maxSilence / 15

// BeginPut registers a put. Everything that it puts or finds is kept until EndPut.
func (c *Chunks) BeginPut(ctx context.Context) (id int64, err error) {
	_, err = c.row(ctx, []any{&id}, "INSERT INTO mythos.put SELECT FROM mythos.writing() RETURNING id")
	return id, err
}

// Alive records a sign of life of a put. It returns false if the put was silent for so long that a collection
// considered it dead.
func (c *Chunks) Alive(ctx context.Context, put int64) (bool, error) {
	n, err := c.exec(ctx, "UPDATE mythos.put SET seen = clock_timestamp() WHERE id = $1", put)
	return n > 0, err
}

// EndPut ends a put.
func (c *Chunks) EndPut(ctx context.Context, put int64) error {
	_, err := c.exec(ctx, "DELETE FROM mythos.put WHERE id = $1", put)
	return err
}

// Find reports whether a chunk of this size is here and not doubted. If so, the put keeps it.
func (c *Chunks) Find(ctx context.Context, h object.Hash, size int64) (bool, error) {
	n, err := c.exec(ctx, "UPDATE mythos.chunk SET used = nextval('mythos.tick') WHERE h = $1 AND here AND NOT doubted AND size = $2", key(h), size)
	return n > 0, err
}

// Claim is Find; if the chunk is not here, it also returns which generation to write.
func (c *Chunks) Claim(ctx context.Context, h object.Hash, size int64) (have bool, generation int, err error) {
	_, err = c.row(ctx, []any{&have, &generation}, `
		INSERT INTO mythos.chunk AS c (h, size) VALUES ($1, $2)
		ON CONFLICT (h) DO UPDATE SET used = excluded.used, spare = CASE
			WHEN (c.here AND NOT c.doubted AND c.size = excluded.size) OR c.next = ANY(c.spare) THEN c.spare ELSE c.spare || c.next END
		RETURNING here AND NOT doubted AND size = $2, next`, key(h), size)
	return have, generation, err
}

// Keep records that a generation has all its bytes, durably. It returns false if that comes too late: a collection will
// remove the object.
func (c *Chunks) Keep(ctx context.Context, h object.Hash, at At) (kept bool, err error) {
	n, err := c.exec(ctx, `
		UPDATE mythos.chunk SET here = true, gen = $2, next = $2 + 1, size = $3, doubted = false, used = nextval('mythos.tick'),
			spare = array_remove(CASE WHEN here THEN spare || gen ELSE spare END, $2)
		WHERE h = $1 AND next = $2`, key(h), at.Generation, at.Size)
	if err != nil || n > 0 {
		return n > 0, err
	}
	_, err = c.row(ctx, []any{&kept}, "SELECT here AND gen = $2 AND size = $3 FROM mythos.chunk WHERE h = $1", key(h), at.Generation, at.Size)
	return kept, err
}

// Skip records that a claimed generation has other bytes, put there by somebody else.
func (c *Chunks) Skip(ctx context.Context, h object.Hash, generation int) error {
	_, err := c.exec(ctx, "UPDATE mythos.chunk SET next = next + 1 WHERE h = $1 AND next = $2", key(h), generation)
	return err
}

// Look returns the place of a chunk.
func (c *Chunks) Look(ctx context.Context, h object.Hash) (at At, found bool, err error) {
	found, err = c.row(ctx, []any{&at.Generation, &at.Size}, "SELECT gen, size FROM mythos.chunk WHERE h = $1 AND here", key(h))
	return at, found, err
}

// Doubt makes the next put write a chunk again.
func (c *Chunks) Doubt(ctx context.Context, h object.Hash) error {
	_, err := c.exec(ctx, "UPDATE mythos.chunk SET doubted = true WHERE h = $1 AND here", key(h))
	return err
}

// chunkPage is how many chunks are read at a time.
const chunkPage = 1024

// Scan calls fn for all chunks that are here, ascending.
func (c *Chunks) Scan(ctx context.Context, fn func(h object.Hash, size int64) error) error {
	type entry struct {
		h    []byte
		size int64
	}
	from := []byte{}
	for {
		var page []entry
		err := c.d.use(ctx, func(conn *pgx.Conn) error {
			rows, err := conn.Query(ctx, "SELECT h, size FROM mythos.chunk WHERE here AND h > $1 ORDER BY h LIMIT $2", from, chunkPage)
			if err != nil {
				return err
			}
			page, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (e entry, err error) {
				return e, row.Scan(&e.h, &e.size)
			})
			return err
		})
		if err != nil {
			return fmt.Errorf("table of chunks: %w", err)
		}
		for _, e := range page {
			if len(e.h) != 32 {
				return fmt.Errorf("table of chunks: %w: a hash of %d bytes", store.ErrDamaged, len(e.h))
			}
			if err := fn(object.HashOf([32]byte(e.h)), e.size); err != nil {
				return err
			}
		}
		if len(page) < chunkPage {
			return ctx.Err()
		}
		from = page[len(page)-1].h
	}
}
