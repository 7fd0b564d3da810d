// Package running says which attempts are under way on this machine, by locks that the kernel releases when all
// processes of an attempt have ended (spec/ledger.md#presence).
//
// A folder has one file for each effect that is being executed, named by its idempotency id. The maker of an attempt
// locks the file before the attempt is registered, and removes it when the effect has an outcome. An unlocked file
// belongs to an attempt that ended without an outcome. A waiter writes one byte at the beginning of the file and then
// waits for a shared lock; what the attempt leaves for waiters begins at the second byte. The contents of a file are
// only advice: readers check them.
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

// New returns the locks in a folder, which is created when it is needed.
func New(path string) *Dir { return &Dir{path: path, watches: map[object.Hash]*watch{}} }

func (d *Dir) file(idem object.Hash) string { return filepath.Join(d.path, idem.String()) }

const (
	sharedTries = 100              // to distinguish waiters, who hold the lock only briefly, from an attempt
	sharedPause = time.Millisecond // between two tries
	maxLeft     = 64 << 20         // maximum size of what an attempt leaves, in bytes
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

// current reports whether an open file still has its name.
func current(f *os.File) bool {
	open, err := f.Stat()
	if err != nil {
		return false
	}
	named, err := os.Stat(f.Name())
	return err == nil && os.SameFile(open, named)
}

// Look reports whether somebody holds the lock of an effect. An effect without a file is Unseen: it was executed
// elsewhere, or without taking locks.
func (d *Dir) Look(idem object.Hash) (ledger.Presence, error) {
	f, err := plainfile.Open(d.file(idem), os.O_RDWR, 0)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrPermission) {
		return ledger.Unseen, nil
	}
	if err != nil {
		return ledger.Unseen, err
	}
	defer f.Close() // which releases the lock
	free, err := flock.TryShared(f)
	switch {
	case err != nil:
		return ledger.Unseen, fmt.Errorf("%s: %w", f.Name(), err)
	case free:
		return ledger.Gone, nil
	}
	return ledger.Held, nil
}

// watch is one wait for a lock, shared by everybody in this process who wants it.
type watch struct {
	done chan struct{}
	left []byte
	err  error
}

// Await waits until nobody holds the lock of an effect. The kernel wakes it.
func (d *Dir) Await(ctx context.Context, idem object.Hash) ([]byte, error) {
	d.mu.Lock()
	w := d.watches[idem]
	if w == nil {
		w = &watch{done: make(chan struct{})}
		d.watches[idem] = w
		go func() { // it continues after the caller gives up, until the lock is free
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

// read reads what an attempt left, with a single system call.
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

// Sweep removes the files that nobody has locked and that keep does not ask to keep, and returns their number.
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

// hold is a lock that this process holds.
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
		_ = os.Remove(h.file.Name()) // a file that remains is found unlocked, and swept
		_ = flock.Unlock(h.file)     // nobody has to wait for processes that inherited the file
	}
	h.file.Close() // without an outcome, those who inherited the lock hold it until they end
}
