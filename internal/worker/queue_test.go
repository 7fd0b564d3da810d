package worker

import (
	"sync"
	"testing"

	"github.com/mythos-project/mythos/internal/task"
	"github.com/mythos-project/mythos/object"
)

// TestTasksOfOnePeer: the limit of tasks is each agent's own, whether they run here or are left to others.
func TestTasksOfOnePeer(t *testing.T) {
	for _, slots := range []int{0, 4} {
		q := &Queue{Options: Options{Slots: slots, Most: func() int { return 2 }}, ctx: t.Context(), of: map[string]int{}, jobs: map[object.Hash]*job{}}
		q.wake = sync.NewCond(&q.mu)
		for i, want := range []bool{true, true, false} {
			if err := q.Add(task.Task{ID: object.Sum([]byte{byte(i)}), Author: "one"}); (err == nil) != want {
				t.Errorf("task %d: %v", i, err)
			}
		}
		if err := q.Add(task.Task{ID: object.Sum([]byte("other")), Author: "two"}); err != nil {
			t.Errorf("of another agent: %v", err)
		}
	}
}
