package badger

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/mythos-project/mythos/internal/flock"
	"github.com/mythos-project/mythos/store"
	"github.com/mythos-project/mythos/store/badger/internal/folder"
)

// ErrBusy means that another process holds the database.
var ErrBusy = errors.New("database is held by another process")

// BusyError says who holds the database.
type BusyError struct {
	Dir string
	PID int // 0 if unknown
}

func (e *BusyError) Error() string {
	return fmt.Sprintf("%s: %v (process %d)", e.Dir, ErrBusy, e.PID)
}

// Unwrap gives ErrBusy.
func (e *BusyError) Unwrap() error { return ErrBusy }

// lock is the advisory lock by which processes take turns. The process that opens the database holds `holder`
// exclusively; a waiting process holds `waiters` shared.
type lock struct {
	dir     string
	holder  *os.File
	waiters *os.File
}

// newLock opens the lock files. If mayMake is set, it makes the folder first.
func newLock(dir string, mayMake bool) (*lock, error) {
	if mayMake {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return nil, err
		}
	} else if st, err := os.Stat(dir); errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%w: %s is missing", store.ErrDamaged, dir)
	} else if err == nil && !st.IsDir() || errors.Is(err, syscall.ELOOP) {
		return nil, fmt.Errorf("%w: %s is not a folder", store.ErrDamaged, dir)
	}
	l := &lock{dir: dir}
	var err error
	if l.holder, err = openLock(filepath.Join(dir, "holder.lock")); err != nil {
		return nil, err
	}
	if l.waiters, err = openLock(filepath.Join(dir, "waiters.lock")); err != nil {
		l.holder.Close()
		return nil, err
	}
	return l, nil
}

// openLock opens a lock file; for reading only if nothing can be written, which suffices for locks. If the file does
// not exist then, no process can have the database open for writing.
func openLock(path string) (*os.File, error) {
	f, err := folder.Open(path, os.O_CREATE|os.O_RDWR)
	if !unwritable(err) {
		return f, err
	}
	f, rerr := folder.Open(path, os.O_RDONLY)
	if errors.Is(rerr, fs.ErrNotExist) && errors.Is(err, syscall.EROFS) {
		return os.Open(os.DevNull)
	}
	if rerr != nil {
		return nil, err
	}
	return f, nil
}

// acquire takes the holder's lock, waiting for at most wait. If other processes already wait, it lets them try first.
func (l *lock) acquire(ctx context.Context, wait time.Duration) error {
	crowded := l.wanted()
	if !crowded && l.try() {
		l.sign()
		return nil
	}
	if err := flock.Shared(l.waiters); err != nil {
		return err
	}
	defer flock.Unlock(l.waiters) //nolint:errcheck // closing drops it too
	deadline := time.NewTimer(wait)
	defer deadline.Stop()
	for crowded || !l.try() {
		crowded = false
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-deadline.C:
			return &BusyError{l.dir, l.pid()}
		case <-time.After(time.Millisecond + rand.N(4*time.Millisecond)): // jitter spreads the waiters
		}
	}
	l.sign()
	return nil
}

func (l *lock) try() bool {
	ok, err := flock.TryExclusive(l.holder)
	return ok && err == nil
}

// sign stores our process id for waiting processes. It overwrites in place, so that a full disk does not matter; the id
// is only used in an error message.
func (l *lock) sign() {
	_, _ = fmt.Fprintf(io.NewOffsetWriter(l.holder, 0), "%-19d\n", os.Getpid())
}

func (l *lock) pid() int {
	buf := make([]byte, 20)
	n, err := l.holder.ReadAt(buf, 0)
	if err != nil && !errors.Is(err, io.EOF) {
		return 0
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(buf[:n])))
	if err != nil {
		return 0
	}
	return pid
}

func (l *lock) release() error { return flock.Unlock(l.holder) }

// wanted reports whether another process waits.
func (l *lock) wanted() bool {
	if free, err := flock.TryExclusive(l.waiters); !free || err != nil {
		return true
	}
	flock.Unlock(l.waiters) //nolint:errcheck // closing drops it too
	return false
}

// setMark asks the next holder to merge tables.
func (l *lock) setMark() error {
	f, err := folder.Open(l.markPath(), os.O_CREATE|os.O_WRONLY)
	if err != nil {
		return err
	}
	return f.Close()
}

// takeMark reports whether the mark was set, and removes it.
func (l *lock) takeMark() (bool, error) {
	err := os.Remove(l.markPath())
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return err == nil, err
}

func (l *lock) markPath() string { return filepath.Join(l.dir, "compact") }

func (l *lock) close() error { return errors.Join(l.holder.Close(), l.waiters.Close()) }
