package par

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

var errTest = errors.New("it failed")

var errStop = errors.New("stop")

// numbers emits 0 to n-1 and then fails, if failure is set.
func numbers(n int, failure error) func(context.Context, func(int) error) error {
	return func(_ context.Context, emit func(int) error) error {
		for i := range n {
			if err := emit(i); err != nil {
				return err
			}
		}
		return failure
	}
}

// TestOrdered lets later items finish first.
func TestOrdered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, workers := range []int{1, 2, 7} {
			next := 0
			err := Ordered(t.Context(), workers, numbers(50, nil), func(_ context.Context, i int) (int, error) {
				time.Sleep(time.Duration(50-i) * time.Millisecond)
				return i * i, nil
			}, func(sq int) error {
				if sq != next*next {
					t.Errorf("%d workers: %d came in place of %d", workers, sq, next*next)
				}
				next++
				return nil
			})
			if err != nil || next != 50 {
				t.Errorf("%d workers: %d items, %v", workers, next, err)
			}
		}
	})
}

// TestOrderedEnds: whatever fails, everything before it was consumed, nothing after it is, and no goroutine remains.
func TestOrderedEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		run := func(ctx context.Context, produced error, workFails, consumeFails int) (int, error) {
			n := 0
			err := Ordered(ctx, 3, numbers(20, produced), func(_ context.Context, i int) (int, error) {
				if i >= workFails {
					return 0, errTest
				}
				time.Sleep(time.Duration(20-i) * time.Millisecond)
				return i, nil
			}, func(int) error {
				if n == consumeFails {
					return errStop
				}
				n++
				return nil
			})
			return n, err
		}
		if n, err := run(t.Context(), nil, 10, 99); n != 10 || !errors.Is(err, errTest) {
			t.Errorf("work fails: %d, %v", n, err)
		}
		if n, err := run(t.Context(), nil, 10, 5); n != 5 || !errors.Is(err, errStop) {
			t.Errorf("consume stops: %d, %v", n, err)
		}
		if n, err := run(t.Context(), errTest, 99, 99); n != 20 || !errors.Is(err, errTest) {
			t.Errorf("produce fails: %d, %v", n, err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 30*time.Millisecond)
		defer cancel()
		if n, err := run(ctx, nil, 99, 99); n >= 20 || !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("cancelled: %d, %v", n, err)
		}
	})
}
