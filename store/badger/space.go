package badger

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"syscall"

	"github.com/dgraph-io/badger/v4"
	"github.com/mythos-project/mythos/store/badger/internal/seal"
)

// reserve is the free space, in bytes, that stays unused. Badger writes through memory maps of sparse files, so a full
// disk would not cause an error but kill the process (SIGBUS). The check therefore comes first.
const reserve = 8 << 20

const (
	// margin is how much more room Reserve requires than an update: tasks of other processes need some of it.
	margin = 1 << 20
	// opening is the free space that Badger needs to be opened for writing.
	opening = 1 << 20
)

// room refuses a transaction of this many bytes if the disk might not have the space. The data is written to a log, and
// to a table when the database is closed.
func (d *DB) room(size int64) error {
	if err := d.spare(d.lsmBytes.Add(size), size); err != nil {
		d.lsmBytes.Add(-size)
		return err
	}
	return nil
}

// spare checks that there is room for this many bytes in tables and in logs.
func (d *DB) spare(tables, logs int64) error {
	free, err := freeSpace(d.dir)
	if err != nil {
		return fmt.Errorf("free space of %s: %w", d.dir, err)
	}
	if free < reserve+min(tables, 2*memTable)+2*logs {
		return fmt.Errorf("%s has %d bytes left: %w", d.dir, free, syscall.ENOSPC)
	}
	return nil
}

// Reserve implements store.Reserver: it makes sure that later updates of so many bytes find room. free returns the
// unused room.
func (d *DB) Reserve(_ context.Context, size int64) (free func(), err error) {
	if d.opts.Refuse != nil {
		if err := d.opts.Refuse(); err != nil {
			return nil, err
		}
	}
	all := d.reserved.Add(size)
	if err := d.spare(d.lsmBytes.Load()+all, all+margin); err != nil {
		d.reserved.Add(-size)
		return nil, err
	}
	return func() { d.reserved.Add(-size) }, nil
}

// tight reports whether there is too little room to write the journals' content to Badger. The content then stays in
// the journals.
func (d *DB) tight(s *session) bool { return d.spare(s.left(), s.left()) != nil }

// mayOpen refuses to open Badger for writing on a full disk.
func (d *DB) mayOpen() error {
	free, err := freeSpace(d.dir)
	if err == nil && free < opening {
		err = fmt.Errorf("%s has %d bytes left, and needs %d: %w", d.dir, free, opening, syscall.ENOSPC)
	}
	return err
}

// Reclaim merges the tables and frees the space of deleted values. It takes as long as rewriting the database.
func (d *DB) Reclaim(ctx context.Context) error {
	if d.spare(0, 0) != nil {
		return nil // merging itself needs room; try again next time
	}
	if _, err := d.submit(ctx, &update{drain: true, done: make(chan struct{})}); err != nil {
		return err
	}
	s, done, err := d.use(ctx, toWrite)
	if err != nil {
		return err
	}
	defer done()
	if err := s.forbidden(); err != nil {
		return err
	}
	// Merging treats unreadable data as absent.
	if err := s.checkTables(); err != nil {
		return err
	}
	s.forgetTables()
	db := s.db
	if err := s.seal.Change(func(c *seal.State) { c.Files = withoutValues(c.Files) }, s.seal.EndNow()); err != nil {
		return err
	}
	if err := db.Flatten(2); err != nil {
		return fmt.Errorf("merge tables: %w", err)
	}
	for ctx.Err() == nil {
		if err := db.RunValueLogGC(0.5); err != nil {
			if errors.Is(err, badger.ErrNoRewrite) || errors.Is(err, badger.ErrRejected) {
				return nil
			}
			return fmt.Errorf("clean value log: %w", err)
		}
	}
	return ctx.Err()
}

// withoutValues omits the value logs, which may be deleted from now on.
func withoutValues(files []seal.Listed) []seal.Listed {
	return slices.DeleteFunc(slices.Clone(files), func(f seal.Listed) bool { return filepath.Ext(f.Name) == seal.ValueExt })
}
