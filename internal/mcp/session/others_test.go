package session

import (
	"context"
	"strings"
	"testing"

	"github.com/mythos-project/mythos/exec"
	"github.com/mythos-project/mythos/internal/mcp/awaited"
	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/store/kv"
	"github.com/mythos-project/mythos/store/memory"
)

// looks counts how often equal calls are looked for.
type looks struct {
	kv.KV
	n int
}

func (l *looks) Scan(ctx context.Context, from, to string, fn func(string, []byte) error) error {
	if strings.HasPrefix(from, kv.Awaited) {
		l.n++
	}
	return l.KV.Scan(ctx, from, to, fn)
}

// TestOthers: the calls of other processes are looked for while there are any that may have left
// some, and no longer than that. One that has nothing left says so.
func TestOthers(t *testing.T) {
	t.Parallel()
	now := object.Time(1)
	db := &looks{KV: memory.New()}
	dead := map[string]bool{}
	process := func(name string) *Session {
		s := &Session{Gate: &exec.Gate{Now: func() object.Time { return now }}, KV: db, Agent: "a", Instance: name,
			Alive: func(instance string) (bool, error) { return !dead[instance], nil }}
		s.begin()
		return s
	}
	c := Call{Request: []byte("{}")}
	call := func(s *Session, adopted bool, looked int) key {
		t.Helper()
		before := db.n
		k, err := s.awaiting(t.Context(), c)
		if err != nil || k.adopted != adopted || db.n-before != looked {
			t.Fatalf("adopted %v, looked %d times: %v", k.adopted, db.n-before, err)
		}
		if _, err := db.Update(t.Context(), nil, ridden(t, k)); err != nil {
			t.Fatal(err)
		}
		return k
	}
	first := process("1")
	answered := call(first, false, 0)
	first.Answered(Reply{waiting: answered.waiting})
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	dead["1"] = true
	second := process("2")
	left := call(second, false, 0)
	third := process("3")
	call(third, false, 1) // the second lives, and waits
	dead["2"] = true
	if again := call(third, true, 1); again.text != left.text {
		t.Errorf("%s was taken over instead of %s", again.text, left.text)
	}
	now = now.Add(awaited.KeepDefault)
	call(third, false, 1)
	now++
	call(third, false, 1) // the second is forgotten, with what it left
	call(third, false, 0)
}

func ridden(t *testing.T, k key) map[string][]byte {
	t.Helper()
	put, err := k.riders[0].Ride(nil)
	if err != nil {
		t.Fatal(err)
	}
	return put
}
