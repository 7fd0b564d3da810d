package learn

import (
	"context"
	"fmt"
)

// The decisions about a ring. Each has its own lock: a freeze does not wait for a promotion that reads a large model.
const (
	decidesRecord = "promotion"
	decidesPolicy = "policy"
	decidesHold   = "hold"
)

// deciding waits until no other process makes the same decision about a ring, and prevents others from doing so until
// release. The lock ends with the process, so its holder knows that a decision without a receipt was interrupted. The
// error wraps ledger.ErrBusy.
func (l *Learner) deciding(ctx context.Context, what string, ring uint8) (release func(), err error) {
	release, err = l.Engine.Lock(ctx, fmt.Sprintf("%s-%d", what, ring), l.Busy)
	if err != nil {
		err = fmt.Errorf("the %s of ring %d is being decided about: %w", what, ring, err)
	}
	return release, err
}
