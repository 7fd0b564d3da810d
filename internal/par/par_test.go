package par

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
)

func TestDo(t *testing.T) {
	for _, n := range []int{0, 1, 2, 100} {
		for _, limit := range []int{0, 1, 3, 1000} {
			var under, most atomic.Int64
			done := make([]int32, n)
			Do(n, limit, func(i int) {
				now := under.Add(1)
				for m := most.Load(); now > m && !most.CompareAndSwap(m, now); m = most.Load() {
				}
				atomic.AddInt32(&done[i], 1)
				under.Add(-1)
			})
			if most.Load() > int64(Limit(limit)) {
				t.Errorf("%d of %d at a time, the limit is %d", most.Load(), n, limit)
			}
			for i, times := range done {
				if times != 1 {
					t.Errorf("%d was done %d times", i, times)
				}
			}
		}
	}
}

// TestEachError: the error is that of the lowest index, whichever call fails first, and not the cancellation that an
// error causes.
func TestEachError(t *testing.T) {
	first := errors.New("the lowest")
	failed := make(chan struct{})
	err := Each(t.Context(), 4, 4, func(ctx context.Context, i int) error {
		switch i {
		case 0: // it is cancelled by the failure of another
			<-ctx.Done()
			return ctx.Err()
		case 1: // it fails last
			<-failed
			return first
		case 2:
			close(failed)
			return errors.New("another")
		}
		return nil
	})
	if !errors.Is(err, first) {
		t.Errorf("the error is %v", err)
	}
}

func TestEachStops(t *testing.T) {
	begun := 0
	err := Each(t.Context(), 10, 1, func(context.Context, int) error {
		begun++
		return errors.New("it failed")
	})
	if err == nil || begun != 1 {
		t.Errorf("%d calls began after the first failed: %v", begun-1, err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := Each(ctx, 10, 2, func(context.Context, int) error { return errors.New("it began") }); !errors.Is(err, context.Canceled) {
		t.Errorf("with a context that ended: %v", err)
	}
}
