package engine_test

import (
	"bytes"
	"context"
	"errors"
	"testing"

	"github.com/mythos-project/mythos/internal/engine"
	"github.com/mythos-project/mythos/store"
	"github.com/mythos-project/mythos/store/bucket"
	"github.com/mythos-project/mythos/store/memory"
)

// faulty are chunks that cannot be put for a few times.
type faulty struct {
	store.Chunks
	errs []error
}

func (f *faulty) Begin(ctx context.Context, wait bool) (store.ChunkPut, error) {
	if len(f.errs) > 0 {
		err := f.errs[0]
		f.errs = f.errs[1:]
		return nil, err
	}
	return f.Chunks.Begin(ctx, wait)
}

// TestResponses: a large response waits for a bucket that is down, and its caller is told once; any other error is one at once, and so is
// the end of the caller's time.
func TestResponses(t *testing.T) {
	db, large := memory.New(), bytes.Repeat([]byte("x"), 300_000)
	told := 0
	of := func(errs ...error) engine.Responses {
		told = 0
		return new(engine.Engine).Responses(store.New(db, &faulty{db, errs}), func(n int, err error) {
			if told++; n != len(large) || !errors.Is(err, bucket.ErrUnreachable) {
				t.Errorf("told of %d bytes, %v", n, err)
			}
		})
	}
	other := errors.New("another")
	if _, _, err := of(other).BytesUpdate(t.Context(), large); !errors.Is(err, other) || told != 0 {
		t.Errorf("another error: %v, told %d times", err, told)
	}
	ended, end := context.WithCancel(t.Context())
	end()
	if _, _, err := of(bucket.ErrUnreachable).BytesUpdate(ended, large); !errors.Is(err, context.Canceled) {
		t.Errorf("after the end: %v", err)
	}
	r := of(bucket.ErrUnreachable, bucket.ErrUnreachable)
	h, _, err := r.BytesUpdate(t.Context(), large)
	if err != nil || told != 1 {
		t.Fatalf("%v, told %d times", err, told)
	}
	if got, err := r.Bytes(t.Context(), h); err != nil || !bytes.Equal(got, large) {
		t.Errorf("%d bytes, %v", len(got), err)
	}
}
