package issuer

import (
	"testing"
	"time"
)

// TestFlood: a flood of refusals leaves few receipts, and the next one says how many left none.
func TestFlood(t *testing.T) {
	var r refusals
	now := time.Date(2026, 5, 4, 3, 2, 1, 0, time.UTC)
	left := 0
	for range 100_000 {
		if missed, ok := r.take(now); ok {
			left++
			if missed != 0 {
				t.Fatalf("%d missed", missed)
			}
		}
	}
	if left != refusedBurst {
		t.Errorf("%d receipts", left)
	}
	if missed, ok := r.take(now.Add(refusedEvery)); !ok || missed != 100_000-refusedBurst {
		t.Errorf("%d missed, %t", missed, ok)
	}
	if _, ok := r.take(now.Add(refusedEvery)); ok {
		t.Error("two in a minute")
	}
	if _, ok := r.take(now); ok {
		t.Error("a clock that goes back makes room")
	}
}
