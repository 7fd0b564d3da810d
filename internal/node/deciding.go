package node

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

// What is decided about a ring. Each has a lock of its own: a freeze does not wait for a
// promotion that reads a large model.
const (
	decidesRecord = "promotion"
	decidesPolicy = "policy"
	decidesHold   = "hold"
)

// deciding waits until no other process decides the same about a ring, and keeps it from
// doing so until release. The lock ends with the process: who has it knows that a
// decision without a receipt was cut short. The error wraps ledger.ErrBusy.
func (l *Learner) deciding(ctx context.Context, what string, ring uint8) (release func(), err error) {
	dir := filepath.Join(l.ID.Dir, "locks")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	file, err := plainfile.Open(filepath.Join(dir, fmt.Sprintf("%s-%d.lock", what, ring)), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	locked := make(chan error, 1) // the kernel wakes who waits for it
	go func() { locked <- flock.Exclusive(file) }()
	timeout := time.NewTimer(l.Busy)
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
		err = fmt.Errorf("another process decides about the %s of ring %d: %w", what, ring, ledger.ErrBusy)
	}
	go func() { // anyone who does not wait any more gives the lock back once it comes
		<-locked
		file.Close()
	}()
	return nil, err
}
