package files

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"github.com/mythos-project/mythos/internal/flock"
	"github.com/mythos-project/mythos/internal/plainfile"
)

const (
	lockName  = "lock"
	putKind   = "put"
	sweepKind = "sweep"
)

// session is a folder for unfinished files. Its process holds its lock.
type session struct {
	dir   string
	lock  *os.File
	start time.Time // by the file system's clock
}

// begin makes a session whose folder's name starts with kind.
func (d *Dir) begin(kind string) (*session, error) {
	for {
		dir, err := os.MkdirTemp(filepath.Join(d.root, temporary), kind+"-")
		if err != nil {
			return nil, err
		}
		s, err := lockSession(dir)
		if errors.Is(err, fs.ErrNotExist) {
			continue // a collection removed it before it was locked, as if its process had ended
		}
		return s, err
	}
}

func lockSession(dir string) (*session, error) {
	f, err := os.OpenFile(filepath.Join(dir, lockName), os.O_CREATE|os.O_EXCL|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	err = flock.Exclusive(f)
	if err == nil {
		// The folder protects something only if its name still exists.
		_, err = os.Stat(f.Name())
	}
	st, serr := f.Stat()
	if err = errors.Join(err, serr); err != nil {
		f.Close()
		return nil, err
	}
	return &session{dir, f, st.ModTime()}, nil
}

// end removes the folder and frees the lock.
func (s *session) end() error {
	return errors.Join(removeSession(s.dir), s.lock.Close())
}

// removeSession removes a session's folder, the lock last: if it is interrupted, the next collection still recognizes
// the rest.
func removeSession(dir string) error {
	list, err := os.ReadDir(dir)
	if err != nil {
		return ignoreMissing(err)
	}
	var errs []error
	for _, e := range list {
		if e.Name() != lockName {
			errs = append(errs, ignoreMissing(os.Remove(filepath.Join(dir, e.Name()))))
		}
	}
	return errors.Join(append(errs, os.RemoveAll(dir))...)
}

// others calls live with the start of every session that a process holds, and dead with the folder of every other
// session, which is locked meanwhile.
func (d *Dir) others(self *session, live func(start time.Time), dead func(dir string) error) error {
	list, err := os.ReadDir(filepath.Join(d.root, temporary))
	if err != nil {
		return err
	}
	for _, e := range list {
		dir := filepath.Join(d.root, temporary, e.Name())
		if dir == self.dir {
			continue
		}
		if err := probe(dir, live, dead); err != nil {
			return fmt.Errorf("session %s: %w", dir, err)
		}
	}
	return nil
}

func probe(dir string, live func(time.Time), dead func(string) error) error {
	f, err := plainfile.Open(filepath.Join(dir, lockName), os.O_RDONLY, 0)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR) {
		// It has just ended, or is about to begin: then it notices the removal and begins again. If it contains
		// anything, it is not one of our sessions.
		_ = os.Remove(dir)
		return nil
	}
	if err != nil {
		return err
	}
	defer f.Close()
	ended, err := flock.TryExclusive(f)
	if err != nil {
		return err
	}
	if ended {
		return dead(dir)
	}
	st, err := f.Stat()
	if err != nil {
		return err
	}
	live(st.ModTime())
	return nil
}
