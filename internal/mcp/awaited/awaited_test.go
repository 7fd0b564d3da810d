package awaited_test

import (
	"encoding/json"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/mythos-project/mythos/internal/mcp/awaited"
	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/store/kv"
	"github.com/mythos-project/mythos/store/memory"
)

// TestSweep: a record goes when its process or its client is gone, and it has waited as long as it may.
func TestSweep(t *testing.T) {
	t.Parallel()
	ctx, db := t.Context(), memory.New()
	start := object.Time(1)
	now, dead := start, map[string]bool{}
	r := awaited.Records{KV: db, Now: func() object.Time { return now }, Alive: func(instance string) (bool, error) { return !dead[instance], nil }}
	put := map[string][]byte{kv.Awaited + "odd/x": []byte("{")}
	for name, c := range map[string]awaited.Call{
		"waited for":   {Instance: "lives", At: start},
		"client gone":  {Instance: "lives", At: start, Gone: start},
		"process gone": {Instance: "ended", At: start},
		"patient":      {Instance: "ended", At: start, Keep: time.Hour},
		"gone later":   {Instance: "ended", At: start, Gone: start.Add(time.Minute)},
	} {
		raw, err := json.Marshal(c)
		if err != nil {
			t.Fatal(err)
		}
		put[kv.Awaited+"slot/"+name] = raw
	}
	if _, err := db.Update(ctx, nil, put); err != nil {
		t.Fatal(err)
	}
	for _, instance := range []string{"lives", "ended"} {
		if err := r.Begin(ctx, "scout", instance, 0); err != nil {
			t.Fatal(err)
		}
	}
	dead["ended"] = true
	left := func(space string) int {
		n := 0
		if err := kv.Scan(ctx, db, space, func(string, []byte) error { n++; return nil }); err != nil {
			t.Fatal(err)
		}
		return n
	}
	for _, step := range []struct {
		after        time.Duration
		calls, marks int
	}{
		{awaited.KeepDefault, 6, 2},
		{awaited.KeepDefault + time.Second, 4, 2}, // "client gone" and "process gone"; the end of the process was first seen a second ago
		{awaited.KeepDefault + time.Minute + time.Second, 3, 2},
		{time.Hour, 3, 1},
		{time.Hour + time.Second, 2, 1},
		{1000 * time.Hour, 2, 1}, // what is waited for stays, and what cannot be read
	} {
		now = start.Add(step.after)
		if err := r.Sweep(ctx); err != nil {
			t.Fatal(err)
		}
		if calls, marks := left(kv.Awaited), left(kv.Awaiting); calls != step.calls || marks != step.marks {
			t.Errorf("after %v: %d calls, %d processes, not %d, %d", step.after, calls, marks, step.calls, step.marks)
		}
	}
	odd := map[string]bool{}
	if err := r.Check(ctx, func(key string, err error) { odd[key] = err != nil }); err != nil {
		t.Fatal(err)
	}
	if want := []string{kv.Awaited + "odd/x"}; !slices.Equal(slices.Collect(maps.Keys(odd)), want) {
		t.Errorf("%v cannot be read", odd)
	}
}
