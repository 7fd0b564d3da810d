package session

import (
	"context"
	"testing"

	"github.com/mythos-project/mythos/store/kv"
	"github.com/mythos-project/mythos/store/memory"
)

// TestRiding: records go with a register, or by themselves where none follows; none is lost when
// the register fails.
func TestRiding(t *testing.T) {
	t.Parallel()
	db := memory.New()
	put := map[string][]byte{}
	names := make([]string, 2*maxRiding)
	for i := range names {
		names[i] = kv.Awaited + string(rune('a'+i))
		put[names[i]] = []byte("x")
	}
	if _, err := db.Update(t.Context(), nil, put); err != nil {
		t.Fatal(err)
	}
	f := &forgetting{kv: db, busy: true} // nothing is removed beside the registers
	f.add(names...)
	ride := func(failed bool) int {
		t.Helper()
		r, end := f.riding()
		gone, err := r.Ride(nil)
		if err != nil {
			t.Fatal(err)
		}
		if again, err := r.Ride(nil); err != nil || len(again) != len(gone) {
			t.Fatalf("%d the first time, %d the second: %v", len(gone), len(again), err)
		}
		if !failed {
			if _, err := db.Update(t.Context(), nil, gone); err != nil {
				t.Fatal(err)
			}
		}
		end(failed)
		return len(gone)
	}
	if n := ride(true); n != maxRiding {
		t.Errorf("%d records ride", n)
	}
	ride(false)
	f.mu.Lock()
	f.busy = false
	f.mu.Unlock()
	f.add(f.records[0]) // twice does no harm
	if err := f.close(); err != nil {
		t.Fatal(err)
	}
	left := 0
	if err := kv.Scan(context.Background(), db, kv.Awaited, func(string, []byte) error { left++; return nil }); err != nil || left > 0 {
		t.Errorf("%d records are left: %v", left, err)
	}
}
