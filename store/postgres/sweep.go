package postgres

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/store"
)

// Sweep is a garbage collection of the bucket, one at a time.
type Sweep struct {
	c      *Chunks
	cutoff int64 // chunks used since then are wanted
	lock   *Lock
}

// BeginSweep begins a collection. The error wraps store.ErrCollecting while another one runs.
func (c *Chunks) BeginSweep(ctx context.Context) (*Sweep, error) {
	lock, err := c.d.TryLock(ctx, "collection")
	if err != nil {
		return nil, err
	}
	if lock == nil {
		return nil, store.ErrCollecting
	}
	s := &Sweep{c: c, lock: lock}
	_, err = c.exec(ctx, fmt.Sprintf("DELETE FROM mythos.put WHERE seen < clock_timestamp() - interval '%d seconds'", int(maxSilence.Seconds())))
	if err == nil {
		// The tick comes before the look: a put that is not visible yet uses later ticks.
		_, err = c.row(ctx, []any{&s.cutoff}, "SELECT nextval('mythos.tick') FROM mythos.writing()")
	}
	if err == nil {
		_, err = c.row(ctx, []any{&s.cutoff}, "SELECT least($1, min(id)) FROM mythos.put", s.cutoff)
	}
	if err != nil {
		return nil, errors.Join(err, lock.Release())
	}
	return s, nil
}

// Close ends the collection.
func (s *Sweep) Close() error { return s.lock.Release() }

// Wanted reports whether a put that may still be running wants the chunk, or the chunk is not here.
func (s *Sweep) Wanted(ctx context.Context, h object.Hash) (bool, error) {
	unwanted := false
	_, err := s.c.row(ctx, []any{&unwanted}, "SELECT here AND used < $2 FROM mythos.chunk WHERE h = $1", key(h), s.cutoff)
	return !unwanted, err
}

// Retire removes a chunk from the table unless it is wanted, and returns the generation to delete. Until Gone, a later
// collection finds it in Spare.
func (s *Sweep) Retire(ctx context.Context, h object.Hash) (generation int, retired bool, err error) {
	retired, err = s.c.row(ctx, []any{&generation}, `
		UPDATE mythos.chunk SET here = false, spare = spare || gen, next = greatest(next, gen + 1)
		WHERE h = $1 AND here AND used < $2 RETURNING gen`, key(h), s.cutoff)
	return generation, retired, err
}

// Gone records that generations of a chunk no longer have an object.
func (s *Sweep) Gone(ctx context.Context, h object.Hash, generations []int) error {
	_, err := s.c.exec(ctx, `UPDATE mythos.chunk SET spare = (SELECT coalesce(array_agg(g), '{}') FROM unnest(spare) AS g WHERE g <> ALL($2))
		WHERE h = $1`, key(h), generations)
	return err
}

// Spare calls fn with generations that interrupted puts and collections have left. Nobody writes them any more: Keep
// refuses a delayed put.
func (s *Sweep) Spare(ctx context.Context, fn func(h object.Hash, generations []int) error) error {
	type entry struct {
		h     []byte
		spare []int
	}
	from := []byte{}
	for {
		var page []entry
		err := s.c.d.use(ctx, func(conn *pgx.Conn) error {
			rows, err := conn.Query(ctx, `
				UPDATE mythos.chunk SET next = CASE WHEN next = ANY(spare) THEN next + 1 ELSE next END
				WHERE h IN (SELECT h FROM mythos.chunk WHERE spare <> '{}' AND used < $1 AND h > $2 ORDER BY h LIMIT $3)
					AND spare <> '{}' AND used < $1
				RETURNING h, spare`, s.cutoff, from, chunkPage)
			if err != nil {
				return err
			}
			page, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (e entry, err error) {
				return e, row.Scan(&e.h, &e.spare)
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
			if err := fn(object.HashOf([32]byte(e.h)), e.spare); err != nil {
				return err
			}
			if string(e.h) > string(from) {
				from = e.h
			}
		}
		if len(page) == 0 {
			return ctx.Err()
		}
	}
}
