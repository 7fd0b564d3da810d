package tasks

import (
	"sync"
	"testing"

	"github.com/mythos-project/mythos/internal/peer"
	"github.com/mythos-project/mythos/internal/peer/peertest"
	"github.com/mythos-project/mythos/internal/task"
	"github.com/mythos-project/mythos/object"
)

// TestTasksOfOnePeer: the limit of tasks is each agent's own.
func TestTasksOfOnePeer(t *testing.T) {
	s, server, _ := started(t, peertest.Repo(t, "far"))
	server.SetLimits(peer.Limits{Tasks: 2})
	q := &queue{s: s, ctx: t.Context(), of: map[string]int{}, jobs: map[object.Hash]*job{}}
	q.wake = sync.NewCond(&q.mu)
	for i, want := range []bool{true, true, false} {
		if err := q.add(task.Task{ID: object.Sum([]byte{byte(i)}), Author: "one"}); (err == nil) != want {
			t.Errorf("task %d: %v", i, err)
		}
	}
	if err := q.add(task.Task{ID: object.Sum([]byte("other")), Author: "two"}); err != nil {
		t.Errorf("of another agent: %v", err)
	}
}
