// Package running tells which attempts are under way on this machine, by locks that the
// kernel frees when all processes of an attempt have ended (spec/ledger.md#presence).
//
// A folder has one file for each effect that somebody is at, named by its idempotency id.
// Who makes an attempt locks the file before the attempt is registered, and removes it
// when the effect has an outcome. A file that nobody has locked is that of an attempt that
// ended without one. Who waits writes one byte at the beginning of the file and then waits
// for the lock, beside any others; what the attempt leaves for them begins at the second
// byte. What is in a file is advice only: anyone who reads it checks it.
package running

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/mythos-project/mythos/internal/flock"
	"github.com/mythos-project/mythos/internal/plainfile"
	"github.com/mythos-project/mythos/ledger"
	"github.com/mythos-project/mythos/ledger/kvledger"
	"github.com/mythos-project/mythos/object"
)

// Dir is the folder of the locks. It is safe for concurrent use.
type Dir struct {
	path string

	mu      sync.Mutex
	watches map[object.Hash]*watch
}

var (
	_ kvledger.Holders = (*Dir)(nil)
	_ kvledger.Insider = (*Dir)(nil)
)

// New returns the locks in a folder, which is made when it is needed.
func New(path string) *Dir { return &Dir{path: path, watches: map[object.Hash]*watch{}} }

func (d *Dir) file(idem object.Hash) string { return filepath.Join(d.path, idem.String()) }

const (
	sharedTries = 100              // to tell waiters, who have the lock for a moment, from an attempt
	sharedPause = time.Millisecond // between two of them
	maxLeft     = 64 << 20         // bytes of what an attempt leaves
)

// Hold takes the lock of an effect. Errors are the file system's.
func (d *Dir) Hold(idem object.Hash) (kvledger.Hold, error) {
	for range sharedTries {
		f, err := d.open(idem)
		if err != nil {
			return nil, err
		}
		free, err := flock.TryExclusive(f)
		if err != nil {
			return nil, errors.Join(fmt.Errorf("%s: %w", f.Name(), err), f.Close())
		}
		if free {
			if !current(f) { // removed while we waited for it
				f.Close()
				continue
			}
			if err := f.Truncate(0); err != nil {
				return nil, errors.Join(err, f.Close())
			}
			return &hold{f}, nil
		}
		passing, err := flock.TryShared(f)
		if cerr := f.Close(); err != nil || cerr != nil {
			return nil, errors.Join(err, cerr)
		}
		if !passing {
			return nil, nil
		}
		time.Sleep(sharedPause)
	}
	return nil, nil
}

func (d *Dir) open(idem object.Hash) (*os.File, error) {
	f, err := plainfile.Open(d.file(idem), os.O_CREATE|os.O_RDWR, 0o600)
	if err == nil || errors.Is(err, plainfile.ErrKind) {
		return f, err
	}
	if odd := plainfile.Folder(d.path); odd != nil {
		return nil, odd
	}
	if errors.Is(err, fs.ErrNotExist) {
		if err = os.MkdirAll(d.path, 0o700); err != nil {
			return nil, err
		}
		f, err = plainfile.Open(d.file(idem), os.O_CREATE|os.O_RDWR, 0o600)
	}
	return f, err
}

// current reports whether a file that is open still has its name.
func current(f *os.File) bool {
	open, err := f.Stat()
	if err != nil {
		return false
	}
	named, err := os.Stat(f.Name())
	return err == nil && os.SameFile(open, named)
}

// Look says whether somebody has the lock of an effect. An effect without a file is
// Unseen: it was made elsewhere, or by somebody who takes no locks.
func (d *Dir) Look(idem object.Hash) (ledger.Presence, error) {
	f, err := plainfile.Open(d.file(idem), os.O_RDWR, 0)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrPermission) {
		return ledger.Unseen, nil
	}
	if err != nil {
		return ledger.Unseen, err
	}
	defer f.Close() // which frees the lock
	free, err := flock.TryShared(f)
	switch {
	case err != nil:
		return ledger.Unseen, fmt.Errorf("%s: %w", f.Name(), err)
	case free:
		return ledger.Gone, nil
	}
	return ledger.Held, nil
}

// watch is one wait for a lock, for all of this process who want it.
type watch struct {
	done chan struct{}
	left []byte
	err  error
}

// Await waits until nobody has the lock of an effect. The kernel wakes it.
func (d *Dir) Await(ctx context.Context, idem object.Hash) ([]byte, error) {
	d.mu.Lock()
	w := d.watches[idem]
	if w == nil {
		w = &watch{done: make(chan struct{})}
		d.watches[idem] = w
		go func() { // it goes on when the caller gives up, until the lock is free
			w.left, w.err = d.wait(idem)
			d.mu.Lock()
			delete(d.watches, idem)
			d.mu.Unlock()
			close(w.done)
		}()
	}
	d.mu.Unlock()
	select {
	case <-w.done:
		return w.left, w.err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (d *Dir) wait(idem object.Hash) ([]byte, error) {
	f, err := plainfile.Open(d.file(idem), os.O_RDWR, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if _, err := f.WriteAt([]byte{1}, 0); err != nil {
		return nil, err
	}
	if err := flock.Shared(f); err != nil {
		return nil, fmt.Errorf("%s: %w", f.Name(), err)
	}
	left, err := read(f)
	return left, errors.Join(err, flock.Unlock(f))
}

// read is what an attempt left, in one call of the system.
func read(f *os.File) ([]byte, error) {
	st, err := f.Stat()
	if err != nil || st.Size() <= 1 {
		return nil, err
	}
	left := make([]byte, min(st.Size()-1, maxLeft))
	n, err := f.ReadAt(left, 1)
	if errors.Is(err, io.EOF) {
		err = nil
	}
	return left[:n], err
}

// Sweep removes the files that nobody has locked and that keep does not ask for, and
// returns how many.
func (d *Dir) Sweep(ctx context.Context, keep func(idem object.Hash) (bool, error)) (n int, err error) {
	if err := plainfile.Folder(d.path); err != nil {
		return 0, err
	}
	list, err := os.ReadDir(d.path)
	if errors.Is(err, fs.ErrNotExist) {
		return 0, nil
	}
	for _, e := range list {
		if ctx.Err() != nil {
			return n, ctx.Err()
		}
		idem, perr := object.ParseHash(e.Name())
		if perr != nil {
			continue // not ours
		}
		kept, kerr := keep(idem)
		if err = errors.Join(err, kerr); kept || kerr != nil {
			continue
		}
		if d.remove(idem) {
			n++
		}
	}
	return n, err
}

func (d *Dir) remove(idem object.Hash) bool {
	f, err := plainfile.Open(d.file(idem), os.O_RDWR, 0)
	if err != nil {
		return false
	}
	defer f.Close()
	free, err := flock.TryExclusive(f)
	return err == nil && free && os.Remove(f.Name()) == nil
}

// hold is a lock that this process has.
type hold struct{ file *os.File }

func (h *hold) File() *os.File { return h.file }

func (h *hold) Awaited() bool {
	st, err := h.file.Stat()
	return err == nil && st.Size() > 0
}

func (h *hold) Leave(data []byte) error {
	if len(data) > maxLeft {
		return fmt.Errorf("%d bytes are more than %d", len(data), maxLeft)
	}
	_, err := h.file.WriteAt(data, 1)
	return err
}

func (h *hold) Drop(settled bool) {
	if settled {
		_ = os.Remove(h.file.Name()) // what stays is found free, and swept
		_ = flock.Unlock(h.file)     // anyone who inherited the file need not be waited for
	}
	h.file.Close() // without an outcome, the lock is held by those who inherited it until they end
}
