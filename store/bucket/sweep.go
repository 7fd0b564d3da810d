package bucket

import (
	"context"
	"errors"

	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/store"
	"github.com/mythos-project/mythos/store/postgres"
)

// sweep is a running collection.
type sweep struct {
	*postgres.Sweep
	b *Bucket
}

// Sweep implements store.Chunks. It first removes what interrupted puts and collections left.
func (b *Bucket) Sweep(ctx context.Context) (store.ChunkSweep, error) {
	t, err := b.table.BeginSweep(ctx)
	if err != nil {
		return nil, err
	}
	s := &sweep{t, b}
	if err := t.Spare(ctx, func(h object.Hash, generations []int) error { return s.drop(ctx, h, generations) }); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

func (s *sweep) drop(ctx context.Context, h object.Hash, generations []int) error {
	for _, g := range generations {
		if err := s.b.remove(ctx, name(h, g)); err != nil {
			return err
		}
	}
	return s.Gone(ctx, h, generations)
}

// Delete implements store.ChunkSweep.
func (s *sweep) Delete(ctx context.Context, h object.Hash) (bool, error) {
	generation, retired, err := s.Retire(ctx, h)
	if err != nil || !retired {
		return false, err
	}
	return true, s.drop(ctx, h, []int{generation})
}
