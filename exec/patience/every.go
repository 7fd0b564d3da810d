package patience

import (
	"context"
	"sync"
	"time"
)

// Every calls a function repeatedly, as long as it returns true, until stop is called. stop waits for a running call.
func Every(d time.Duration, again func() bool) (stop func()) {
	var mu sync.Mutex
	var timer *time.Timer
	over := false
	mu.Lock()
	defer mu.Unlock()
	timer = time.AfterFunc(d, func() {
		mu.Lock()
		defer mu.Unlock()
		if !over && again() {
			timer.Reset(d)
		}
	})
	return func() {
		timer.Stop()
		mu.Lock()
		defer mu.Unlock()
		over = true
	}
}

const maxPause = time.Minute // between two attempts

// Pause waits before another attempt, twice as long each time.
func Pause(ctx context.Context, first time.Duration, attempts int) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(min(first<<min(attempts, 10), maxPause)):
		return nil
	}
}
