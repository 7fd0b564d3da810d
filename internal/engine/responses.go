package engine

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/store"
	"github.com/mythos-project/mythos/store/bucket"
)

const (
	enduring = 15 * time.Minute // how long a response waits for the bucket
	againIn  = time.Second      // between two tries
)

// Responses stores the responses of tools. A response for an unreachable bucket waits for it: its tool has run, and
// will not repeat it.
type Responses struct {
	*store.Store
	waits func(bytes int, why error)
}

// Responses stores responses in s; waits is called once for each response that waits for the bucket.
func (e *Engine) Responses(s *store.Store, waits func(bytes int, why error)) Responses {
	return Responses{s, waits}
}

// BytesUpdate is [store.Store.BytesUpdate]. The error wraps bucket.ErrUnreachable if the bucket remained unreachable.
func (r Responses) BytesUpdate(ctx context.Context, data []byte) (h object.Hash, put map[string][]byte, err error) {
	told := false
	for deadline := time.Now().Add(enduring); ; {
		h, put, err = r.Store.BytesUpdate(ctx, data)
		switch {
		case !errors.Is(err, bucket.ErrUnreachable):
			return h, put, err
		case time.Now().After(deadline):
			return h, put, fmt.Errorf("waited %s: %w", enduring, err)
		}
		if !told && r.waits != nil {
			r.waits(len(data), err)
		}
		told = true
		select {
		case <-ctx.Done():
			return h, put, errors.Join(ctx.Err(), err)
		case <-time.After(againIn):
		}
	}
}
