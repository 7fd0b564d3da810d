package gc

import (
	"context"
	"encoding/binary"
	"fmt"
	"time"

	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/store"
	"github.com/mythos-project/mythos/store/kv"
	"github.com/mythos-project/mythos/store/layout"
)

// Deleted things stay in the trash for a while, in case they are still needed: chunks in the chunk backend's own trash,
// and keys under
//
//	y/<key>   the time in microseconds, u64, and the value
const trashSpace = kv.Trash

// DefaultTrash is how long a repository keeps collected things.
const DefaultTrash = 7 * 24 * time.Hour

// Trash describes the content of the trash.
type Trash struct {
	Things uint64      // chunks and keys
	Bytes  uint64      // of them
	Oldest object.Time // when the first of them was collected; 0: the trash is empty
}

// CountTrash counts the content of the trash.
func CountTrash(ctx context.Context, s *store.Store) (t Trash, err error) {
	count := func(size int64, since object.Time) {
		t.Things++
		t.Bytes += uint64(size)
		if t.Oldest == 0 || since < t.Oldest {
			t.Oldest = since
		}
	}
	if c, ok := s.Chunks().(store.ChunkTrash); ok {
		err = c.ScanTrash(ctx, func(_ object.Hash, size int64, since object.Time) error {
			count(size, since)
			return nil
		})
	}
	if err != nil {
		return t, fmt.Errorf("trash: %w", err)
	}
	return t, trashedKeys(ctx, s, func(_ string, since object.Time, value []byte) error {
		count(int64(len(value)), since)
		return nil
	})
}

// RestoreTrash restores everything in the trash. Unreachable things are collected again later.
func RestoreTrash(ctx context.Context, s *store.Store) error {
	if c, ok := s.Chunks().(store.ChunkTrash); ok {
		if err := c.RestoreTrash(ctx); err != nil {
			return fmt.Errorf("restore from the trash: %w", err)
		}
	}
	return trashedKeys(ctx, s, func(key string, _ object.Time, value []byte) error {
		check, put := map[string][]byte{}, map[string][]byte{trashSpace + key: nil}
		_, found, err := s.KV().Get(ctx, key)
		if err != nil {
			return err
		}
		if !found {
			check[key], put[key] = nil, append([]byte{}, value...)
			if err := layout.Guard(ctx, s.KV(), check, put); err != nil {
				return err
			}
		}
		_, err = s.KV().Update(ctx, check, put) // if somebody was faster, the bytes are the same
		return err
	})
}

// EmptyTrash deletes for good everything that was collected before a point in time.
func EmptyTrash(ctx context.Context, s *store.Store, before object.Time) error {
	ctx = store.MakingRoom(ctx)
	if c, ok := s.Chunks().(store.ChunkTrash); ok {
		if err := c.EmptyTrash(ctx, before); err != nil {
			return fmt.Errorf("empty the trash: %w", err)
		}
	}
	gone := map[string][]byte{}
	flush := func() error {
		if len(gone) == 0 {
			return nil
		}
		_, err := s.KV().Update(ctx, nil, gone)
		clear(gone)
		return err
	}
	err := trashedKeys(ctx, s, func(key string, since object.Time, _ []byte) error {
		if since < before {
			gone[trashSpace+key] = nil
		}
		if len(gone) < maxChanges {
			return nil
		}
		return flush()
	})
	if err != nil {
		return err
	}
	return flush()
}

func trashedKeys(ctx context.Context, s *store.Store, fn func(key string, since object.Time, value []byte) error) error {
	return s.KV().Scan(ctx, trashSpace, kv.End(trashSpace), func(key string, value []byte) error {
		if len(value) < 8 {
			return fmt.Errorf("%s: %w", key, store.ErrCorrupt)
		}
		return fn(key[len(trashSpace):], object.Time(binary.BigEndian.Uint64(value)), value[8:])
	})
}

// discarded is the trash entry for the value of a key.
func discarded(now object.Time, value []byte) []byte {
	return append(binary.BigEndian.AppendUint64(nil, uint64(now)), value...)
}

// trashes reports whether this collection uses the trash: not if the caller wants none, and not on a full disk.
func (c *collector) trashes(ctx context.Context) bool {
	if c.o.Trash <= 0 || c.o.DryRun {
		return false
	}
	r, ok := c.s.KV().(store.Reserver)
	if !ok {
		return true
	}
	free, err := r.Reserve(ctx, 0)
	if err != nil {
		return false
	}
	free()
	return true
}

// emptyTrash deletes everything that has been in the trash for long enough; everything at all if this collection does
// not use the trash.
func (c *collector) emptyTrash(ctx context.Context) error {
	if c.o.DryRun || c.o.Trash == 0 {
		return nil
	}
	before := c.o.Now.Add(-c.o.Trash)
	if !c.trash {
		before = c.o.Now.Add(1)
	}
	return EmptyTrash(ctx, c.s, before)
}
