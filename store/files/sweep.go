package files

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/mythos-project/mythos/internal/flock"
	"github.com/mythos-project/mythos/internal/plainfile"
	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/store"
)

// Sweep is a running garbage collection.
type Sweep struct {
	d      *Dir
	lock   *os.File // one collection at a time
	s      *session
	cutoff time.Time
}

// Sweep implements store.Chunks. It removes unfinished files of dead processes.
func (d *Dir) Sweep(context.Context) (store.ChunkSweep, error) {
	if err := d.refused(); err != nil {
		return nil, err
	}
	lock, err := plainfile.Open(filepath.Join(d.root, "sweep.lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, wrapReadOnly(err)
	}
	free, err := flock.TryExclusive(lock)
	if err == nil && !free {
		err = store.ErrCollecting
	}
	if err != nil {
		return nil, errors.Join(err, lock.Close())
	}
	w, err := d.sweep(lock)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("begin collection: %w", err), lock.Close())
	}
	return w, nil
}

func (d *Dir) sweep(lock *os.File) (*Sweep, error) {
	s, err := d.begin(sweepKind)
	if err != nil {
		return nil, err
	}
	w := &Sweep{d, lock, s, s.start}
	err = d.others(s, func(start time.Time) {
		if start.Before(w.cutoff) {
			w.cutoff = start
		}
	}, func(dir string) error {
		return errors.Join(d.restore(dir), removeSession(dir))
	})
	if err != nil {
		return nil, errors.Join(err, s.end())
	}
	return w, nil
}

// Delete implements store.ChunkSweep.
func (w *Sweep) Delete(_ context.Context, h object.Hash) (bool, error) {
	aside, err := w.take(h)
	if err != nil || aside == "" {
		return false, err
	}
	return true, os.Remove(aside)
}

// take moves a chunk aside and returns its new path; empty: the chunk is wanted. A put may find the chunk between the
// check of its time and its removal, so take puts it back if it turns out to be wanted.
func (w *Sweep) take(h object.Hash) (string, error) {
	name, aside := w.d.path(h), filepath.Join(w.s.dir, h.String())
	if wanted, err := w.wanted(name); err != nil || wanted {
		return "", err
	}
	if err := os.Rename(name, aside); err != nil {
		return "", ignoreMissing(err)
	}
	wanted, err := w.wanted(aside)
	if err != nil {
		return "", err
	}
	if wanted {
		return "", putBack(aside, name)
	}
	return aside, nil
}

// Wanted implements store.ChunkSweep.
func (w *Sweep) Wanted(_ context.Context, h object.Hash) (bool, error) {
	return w.wanted(w.d.path(h))
}

func (w *Sweep) wanted(name string) (bool, error) {
	st, err := os.Lstat(name)
	if err != nil {
		return true, ignoreMissing(err)
	}
	return !st.ModTime().Before(w.cutoff), nil
}

func ignoreMissing(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// putBack gives a chunk its name again, unless somebody has written the chunk again.
func putBack(aside, name string) error {
	if err := os.Link(aside, name); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return os.Remove(aside)
}

// restore puts back chunks that a collection had moved aside before it died.
func (d *Dir) restore(dir string) error {
	list, err := os.ReadDir(dir)
	if err != nil {
		return ignoreMissing(err)
	}
	for _, e := range list {
		h, err := object.ParseHash(e.Name())
		if err != nil {
			continue // the lock, or an unfinished file
		}
		if err := putBack(filepath.Join(dir, e.Name()), d.path(h)); err != nil {
			return err
		}
	}
	return nil
}

// recover puts back a wanted chunk that a killed collection had moved aside. It reports whether it is worth looking for
// the chunk again.
func (d *Dir) recover(h object.Hash) bool {
	sessions, err := os.ReadDir(filepath.Join(d.root, temporary))
	if err != nil {
		return false
	}
	for _, e := range sessions {
		dir := filepath.Join(d.root, temporary, e.Name())
		aside := filepath.Join(dir, h.String())
		if _, err := os.Lstat(aside); err != nil || !strings.HasPrefix(e.Name(), sweepKind) {
			continue
		}
		return nil == probe(dir,
			func(time.Time) { time.Sleep(2 * time.Millisecond) }, // the collection is about to delete it or to put it back
			func(string) error { return putBack(aside, d.path(h)) })
	}
	return false
}

// Close implements store.ChunkSweep.
func (w *Sweep) Close() error { return errors.Join(w.s.end(), w.lock.Close()) }
