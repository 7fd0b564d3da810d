package files

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"

	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/store"
)

var (
	_ store.TrashSweep = (*Sweep)(nil)
	_ store.ChunkTrash = (*Dir)(nil)
)

const trash = "trash"

// Discard implements store.TrashSweep.
func (w *Sweep) Discard(_ context.Context, h object.Hash, now object.Time) (bool, error) {
	aside, err := w.take(h)
	if err != nil || aside == "" {
		return false, err
	}
	dir := filepath.Join(w.d.root, trash, strconv.FormatInt(now.Std().Unix(), 10))
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return false, errors.Join(err, putBack(aside, w.d.path(h)))
	}
	return true, os.Rename(aside, filepath.Join(dir, h.String()))
}

// ScanTrash implements store.ChunkTrash.
func (d *Dir) ScanTrash(ctx context.Context, fn func(h object.Hash, size int64, since object.Time) error) error {
	return d.eachTrash(ctx, func(path string, h object.Hash, since object.Time) error {
		info, err := os.Lstat(path)
		if err != nil {
			return ignoreMissing(err)
		}
		return fn(h, info.Size(), since)
	})
}

// RestoreTrash implements store.ChunkTrash.
func (d *Dir) RestoreTrash(ctx context.Context) error {
	return d.eachTrash(ctx, func(path string, h object.Hash, _ object.Time) error {
		name := d.path(h)
		if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
			return err
		}
		return ignoreMissing(putBack(path, name))
	})
}

// EmptyTrash implements store.ChunkTrash.
func (d *Dir) EmptyTrash(ctx context.Context, before object.Time) error {
	err := d.eachTrash(ctx, func(path string, _ object.Hash, since object.Time) error {
		if since >= before {
			return nil
		}
		return ignoreMissing(os.Remove(path))
	})
	if err != nil {
		return err
	}
	days, err := d.days()
	for _, day := range days {
		_ = os.Remove(filepath.Join(d.root, trash, day)) // fails if something is left in it
	}
	return err
}

func (d *Dir) days() ([]string, error) {
	list, err := os.ReadDir(filepath.Join(d.root, trash))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	names := make([]string, len(list))
	for i, e := range list {
		names[i] = e.Name()
	}
	return names, err
}

// eachTrash calls fn for every chunk in the trash.
func (d *Dir) eachTrash(ctx context.Context, fn func(path string, h object.Hash, since object.Time) error) error {
	days, err := d.days()
	if err != nil {
		return err
	}
	for _, day := range days {
		seconds, err := strconv.ParseInt(day, 10, 64)
		if err != nil {
			continue // nothing of ours
		}
		dir := filepath.Join(d.root, trash, day)
		list, err := os.ReadDir(dir)
		if err != nil {
			return ignoreMissing(err)
		}
		for _, e := range list {
			h, err := object.ParseHash(e.Name())
			if err != nil {
				continue
			}
			if err := errors.Join(ctx.Err(), fn(filepath.Join(dir, e.Name()), h, object.Time(seconds*1e6))); err != nil {
				return err
			}
		}
	}
	return nil
}
