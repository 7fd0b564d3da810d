package session

import (
	"context"
	"testing"
	"time"

	"github.com/mythos-project/mythos/exec"
	"github.com/mythos-project/mythos/internal/mcp/awaited"
	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/store/memory"
)

// TestLongCall: a call waits for an equal one from when its client goes away, however long it
// ran before that.
func TestLongCall(t *testing.T) {
	t.Parallel()
	now := object.Time(1)
	s := &Session{Gate: &exec.Gate{Now: func() object.Time { return now }}, KV: memory.New(), Agent: "a", Instance: "i"}
	s.begin()
	c := Call{Request: []byte("{}")}
	client, leave := context.WithCancel(t.Context())
	first, err := s.awaiting(client, c)
	if err != nil || first.adopted {
		t.Fatal(first, err)
	}
	end := s.watch(first.waiting)
	now = now.Add(time.Hour)
	leave()
	end()
	now = now.Add(awaited.KeepDefault)
	client, leave = context.WithCancel(t.Context())
	again, err := s.awaiting(client, c)
	if err != nil || !again.adopted || again.text != first.text {
		t.Errorf("%+v, %v; the first was %s", again, err, first.text)
	}
	end = s.watch(again.waiting)
	leave()
	end()
	now = now.Add(awaited.KeepDefault + time.Second)
	if late, err := s.awaiting(t.Context(), c); err != nil || late.adopted {
		t.Errorf("%+v, %v", late, err)
	}
}
