package task

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/mythos-project/mythos/internal/engine"
	"github.com/mythos-project/mythos/internal/flock"
	"github.com/mythos-project/mythos/internal/plainfile"
)

// servingFolder, in the repository, holds a locked file for each server that runs on it.
const servingFolder = "serving"

// Instance is a running server of the repository. The system releases its lock when the process ends in any way:
// whoever can take the lock knows that the server is gone.
type Instance struct {
	ID string // random

	file   string
	f      *os.File
	giveUp func() error // for a server that is known to other machines
}

// NewInstance makes this process known as a server of the repository until Close; m describes it for other machines, if
// they can see it. The files of servers that are gone are removed.
func (ta *Tasks) NewInstance(m engine.Member) (*Instance, error) {
	if ta.Engine.Shared != nil {
		m.ID, m.Agent = strings.ToLower(rand.Text()), ta.ID.Self().KeyHex()
		giveUp, err := ta.Engine.Shared.Register(context.Background(), m)
		return &Instance{ID: m.ID, giveUp: giveUp}, err
	}
	dir := filepath.Join(ta.ID.Dir, servingFolder)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("server: %w", err)
	}
	left, err := os.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("server: %w", err)
	}
	for _, e := range left {
		if _, err := ta.InstanceAlive(e.Name()); err != nil {
			return nil, err
		}
	}
	const tries = 10 // another starting server may take a new file for a leftover one
	for range tries {
		if i, err := newInstance(dir); err != nil || i != nil {
			return i, err
		}
	}
	return nil, fmt.Errorf("server: no lock can be had in %s", dir)
}

// newInstance makes a file and locks it; nil: somebody took it for a leftover one.
func newInstance(dir string) (*Instance, error) {
	id := strings.ToLower(rand.Text())
	i := &Instance{ID: id, file: filepath.Join(dir, id)}
	f, err := os.OpenFile(i.file, os.O_CREATE|os.O_EXCL|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("server: %w", err)
	}
	i.f = f
	locked, err := flock.TryExclusive(f)
	if err == nil && locked && i.named() {
		return i, nil
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return nil, fmt.Errorf("server: %w", err)
	}
	return nil, nil
}

// named reports whether the locked file still has its name.
func (i *Instance) named() bool {
	mine, err := i.f.Stat()
	if err != nil {
		return false
	}
	there, err := os.Stat(i.file)
	return err == nil && os.SameFile(mine, there)
}

// Close says that the server has ended.
func (i *Instance) Close() error {
	if i.giveUp != nil {
		return i.giveUp()
	}
	return removeLocked(i.f, i.file)
}

// removeLocked removes a locked file and closes it. It removes it while it is locked, so that nobody takes the name for
// a live server; or afterwards, if a system cannot remove open files.
func removeLocked(f *os.File, name string) error {
	gone := os.Remove(name)
	err := f.Close()
	if gone != nil {
		gone = os.Remove(name)
	}
	if errors.Is(gone, fs.ErrNotExist) {
		gone = nil
	}
	return errors.Join(gone, err)
}

// instanceDigits are the characters of the files' names.
const instanceDigits = "abcdefghijklmnopqrstuvwxyz0123456789"

// InstanceAlive reports whether the server with this id still runs. The leftover file of a server that is gone is
// removed.
func (ta *Tasks) InstanceAlive(id string) (bool, error) {
	if strings.Trim(id, instanceDigits) != "" || id == "" {
		return false, nil
	}
	if ta.Engine.Shared != nil {
		return ta.Engine.Shared.Alive(context.Background(), id)
	}
	name := filepath.Join(ta.ID.Dir, servingFolder, id)
	f, err := plainfile.Open(name, os.O_RDWR, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("server %s: %w", id, err)
	}
	free, err := flock.TryExclusive(f)
	if err != nil || !free {
		if err = errors.Join(err, f.Close()); err != nil {
			err = fmt.Errorf("server %s: %w", id, err)
		}
		return true, err
	}
	if err := removeLocked(f, name); err != nil {
		return false, fmt.Errorf("server %s: %w", id, err)
	}
	return false, nil
}
