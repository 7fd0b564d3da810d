package node

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/mythos-project/mythos/internal/flock"
	"github.com/mythos-project/mythos/ledger"
)

// What is decided about a ring. Each has a lock of its own: a freeze does not wait for a
// promotion that reads a large model.
const (
	decidesRecord = "promotion"
	decidesPolicy = "policy"
	decidesHold   = "hold"
)

// decidingPoll is how often a process looks whether another one has decided.
const decidingPoll = 5 * time.Millisecond

// deciding waits until no other process decides the same about a ring, and keeps it from
// doing so until release. The lock ends with the process: who has it knows that a
// decision without a receipt was cut short. The error wraps ledger.ErrBusy.
func (n *Node) deciding(ctx context.Context, what string, ring uint8) (release func(), err error) {
	dir := filepath.Join(n.Dir, "locks")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	file, err := os.OpenFile(filepath.Join(dir, fmt.Sprintf("%s-%d.lock", what, ring)), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	timeout := time.NewTimer(n.Config.Busy)
	defer timeout.Stop()
	for {
		free, err := flock.TryExclusive(file)
		if err != nil {
			return nil, errors.Join(fmt.Errorf("%s: %w", file.Name(), err), file.Close())
		}
		if free {
			return func() { file.Close() }, nil
		}
		select {
		case <-ctx.Done():
			return nil, errors.Join(ctx.Err(), file.Close())
		case <-timeout.C:
			return nil, errors.Join(fmt.Errorf("another process decides about the %s of ring %d: %w", what, ring, ledger.ErrBusy), file.Close())
		case <-time.After(decidingPoll):
		}
	}
}
