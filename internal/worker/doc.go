// Package worker runs the tasks that were submitted to a repository: in `mythos serve`, which accepts them, and in
// `mythos worker`, which takes those that no process has.
package worker

import (
	"errors"

	"github.com/mythos-project/mythos/internal/task"
)

// errEnded is why a task that had begun when its server ended has no answer.
var errEnded = errors.New("the server ended while the task ran: what the task had begun may have happened, and nobody waits for it any more")

// errDeadly is why a task is not started again.
var errDeadly = errors.New("each server that ran the task ended meanwhile; it is not tried again")

// ended returns the failure of a task whose server ended.
func ended(why error) task.Failure {
	return task.Failure{Err: why, Kind: "failed", Hint: "submit the bundle again: effects that have a receipt are not done again, and one whose outcome nobody knows is named then"}
}

// ErrFull means that the queue accepts no more tasks for now.
var ErrFull = errors.New("the queue of tasks is full")

// Kinds of processes that have a queue.
const (
	KindServe  = "serve"
	KindWorker = "worker"
)
