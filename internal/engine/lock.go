package engine

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/mythos-project/mythos/internal/flock"
	"github.com/mythos-project/mythos/internal/plainfile"
	"github.com/mythos-project/mythos/ledger"
)

const locksFolder = "locks"

// Lock waits until no other process of the repository holds the lock with this name, a file name. The lock ends with
// the process. The error wraps ledger.ErrBusy if that takes longer than wait.
func (e *Engine) Lock(ctx context.Context, name string, wait time.Duration) (release func(), err error) {
	if e.Shared != nil {
		return e.Shared.lock(ctx, name, wait)
	}
	dir := filepath.Join(e.local.root, locksFolder)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	file, err := plainfile.Open(filepath.Join(dir, name+".lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	locked := make(chan error, 1) // the kernel wakes the waiter
	go func() { locked <- flock.Exclusive(file) }()
	timeout := time.NewTimer(wait)
	defer timeout.Stop()
	select {
	case err := <-locked:
		if err != nil {
			return nil, errors.Join(fmt.Errorf("%s: %w", file.Name(), err), file.Close())
		}
		return func() { file.Close() }, nil
	case <-ctx.Done():
		err = ctx.Err()
	case <-timeout.C:
		err = fmt.Errorf("another process has the lock %s: %w", name, ledger.ErrBusy)
	}
	go func() { // a caller that no longer waits releases the lock when it comes
		<-locked
		file.Close()
	}()
	return nil, err
}
