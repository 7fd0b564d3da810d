package peer

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/mythos-project/mythos/internal/node"
	"github.com/mythos-project/mythos/object"
)

// errEnded is why a task has no answer that had begun when its server ended.
var errEnded = errors.New("the server ended while the task ran; submit the bundle again")

// errFull means that no more tasks are taken for now.
var errFull = errors.New("the queue of tasks is full")

// queue runs submitted tasks, a few at a time, whether or not anybody waits for them.
// What it has accepted is in the repository: tasks that had not begun when a server
// ended are run by the next one. One that had begun is not, as it may have acted: it
// counts as failed, and submitting the bundle again goes on, since effects with a key
// are not done twice.
type queue struct {
	s   *Server
	ctx context.Context // of the tasks; ends when their time is over
	end context.CancelFunc
	wg  sync.WaitGroup

	watching sync.WaitGroup

	mu      sync.Mutex
	wake    *sync.Cond
	closed  bool
	waiting []*job
	of      map[string]int // tasks of an author
	jobs    map[object.Hash]*job
}

// job is a task that waits or runs.
type job struct {
	node.Task
	ctx  context.Context
	stop context.CancelCauseFunc
	done chan struct{} // closed when there is nothing more to wait for
}

// newQueue takes up what a server before this one left, unless another one still runs.
func (s *Server) newQueue(ctx context.Context) (*queue, error) {
	q := &queue{s: s, of: map[string]int{}, jobs: map[object.Hash]*job{}}
	q.wake = sync.NewCond(&q.mu)
	q.ctx, q.end = context.WithCancel(ctx)
	if err := s.Node.Forget(ctx); err != nil {
		return nil, err
	}
	var left []node.Task
	err := s.Node.Tasks(ctx, func(t node.Task) error {
		if t.Ended == 0 && !s.Beside {
			left = append(left, t)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	for range maxTasks {
		q.wg.Go(q.run)
	}
	q.watching.Go(q.watch)
	slices.SortStableFunc(left, func(a, b node.Task) int { return int(min(max(a.Submitted-b.Submitted, -1), 1)) })
	for _, t := range left {
		q.takeUp(ctx, t)
	}
	return q, nil
}

// takeUp goes on with a task that was left.
func (q *queue) takeUp(ctx context.Context, t node.Task) {
	var err error
	if t.State == node.TaskRunning {
		err = q.s.Node.EndTask(ctx, t, node.TaskFailed, nil, errEnded)
	} else {
		err = q.add(t)
	}
	if err != nil {
		q.s.Log.Error("task of before", "task", t.ID.Short(), "error", err)
	}
}

// add puts a task that is kept into the queue.
func (q *queue) add(t node.Task) error {
	most := q.s.peers.now().Tasks
	q.mu.Lock()
	defer q.mu.Unlock()
	switch {
	case q.closed:
		return fmt.Errorf("%w: the server is stopping", errFull)
	case q.of[t.Author] >= most:
		return fmt.Errorf("%w: %d tasks of the same agent wait or run", errFull, q.of[t.Author])
	case len(q.waiting) >= maxQueued:
		return errFull
	}
	j := &job{Task: t, done: make(chan struct{})}
	j.ctx, j.stop = context.WithCancelCause(q.ctx)
	q.of[t.Author]++
	q.jobs[t.ID] = j
	q.waiting = append(q.waiting, j)
	q.wake.Signal()
	return nil
}

// ended is closed when a task has ended; nil: it is not under way.
func (q *queue) ended(id object.Hash) <-chan struct{} {
	q.mu.Lock()
	defer q.mu.Unlock()
	if j := q.jobs[id]; j != nil {
		return j.done
	}
	return nil
}

// cancel stops a task: one that runs by its context, and one that waits is next, to be
// answered without having begun. Of one that is not under way nothing comes.
func (q *queue) cancel(id object.Hash) {
	q.mu.Lock()
	defer q.mu.Unlock()
	j := q.jobs[id]
	if j == nil {
		return
	}
	j.stop(node.ErrCancelled)
	if at := slices.Index(q.waiting, j); at >= 0 {
		q.waiting = slices.Delete(q.waiting, at, at+1)
		q.wg.Go(func() { q.one(j); q.leave(j) })
	}
}

// lookForCancelled is how often the queue looks for tasks that were cancelled by a
// command on this repository, or at a server beside this one.
const lookForCancelled = 500 * time.Millisecond

// watch cancels what was noted as cancelled, until the time of the tasks is over.
func (q *queue) watch() {
	ticker := time.NewTicker(lookForCancelled)
	defer ticker.Stop()
	for q.ctx.Err() == nil {
		if err := q.s.Node.Cancelled(q.ctx, func(id object.Hash) error { q.cancel(id); return nil }); err != nil && q.ctx.Err() == nil {
			q.s.Log.Error("looking for cancelled tasks", "error", err)
		}
		select {
		case <-q.ctx.Done():
		case <-ticker.C:
		}
	}
}

func (q *queue) run() {
	for {
		j := q.next()
		if j == nil {
			return
		}
		q.one(j)
		q.leave(j)
	}
}

// next waits for a task; nil: there are no more.
func (q *queue) next() *job {
	q.mu.Lock()
	defer q.mu.Unlock()
	for len(q.waiting) == 0 && !q.closed {
		q.wake.Wait()
	}
	if q.closed {
		return nil
	}
	j := q.waiting[0]
	q.waiting = slices.Delete(q.waiting, 0, 1)
	return j
}

// leave tells who waits for a task that there is nothing more to wait for.
func (q *queue) leave(j *job) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.of[j.Author]--; q.of[j.Author] == 0 {
		delete(q.of, j.Author)
	}
	delete(q.jobs, j.ID)
	close(j.done)
	j.stop(nil)
}

// one runs a task, and keeps its answer.
func (q *queue) one(j *job) {
	n, ctx := q.s.Node, context.WithoutCancel(q.ctx)
	if err := n.StartTask(ctx, j.Task); errors.Is(err, node.ErrCancelled) {
		j.stop(node.ErrCancelled)
	} else if err != nil {
		q.s.Log.Error("task", "task", j.ID.Short(), "error", err)
		return
	}
	answer, err := q.answer(j)
	if err != nil && q.ctx.Err() != nil && !errors.Is(err, node.ErrCancelled) {
		err = errEnded
	}
	state := node.TaskDone
	switch {
	case errors.Is(err, node.ErrCancelled):
		state = node.TaskCancelled
	case err != nil:
		state = node.TaskFailed
	}
	q.s.metrics.tasksDone.Add(1)
	q.s.Log.Info("task", "task", j.ID.Short(), "author", j.Author[:min(12, len(j.Author))], "state", state, "error", err)
	if err := n.EndTask(ctx, j.Task, state, answer, err); err != nil {
		q.s.Log.Error("task", "task", j.ID.Short(), "error", err)
	}
}

func (q *queue) answer(j *job) ([]byte, error) {
	ctx := context.WithoutCancel(j.ctx)
	raw, err := q.s.Node.TaskPacket(ctx, j.ID)
	if err != nil {
		return nil, err
	}
	got, err := q.s.Node.Open(ctx, raw)
	if err != nil {
		return nil, err
	}
	answer, _, err := q.s.Node.Serve(j.ctx, got)
	return answer, err
}

// stop takes no more tasks, and waits for those that run; when ctx ends, they are told
// to end, and have another few seconds.
func (q *queue) stop(ctx context.Context) error {
	q.mu.Lock()
	q.closed = true
	left := q.waiting
	q.waiting = nil
	q.wake.Broadcast()
	q.mu.Unlock()
	for _, j := range left { // it is kept, and not begun
		q.s.Log.Info("left for the next server", "task", j.ID.Short())
		q.leave(j)
	}
	idle := make(chan struct{})
	go func() { q.wg.Wait(); close(idle) }()
	select {
	case <-idle:
	case <-ctx.Done():
		q.end()
		select {
		case <-idle:
		case <-time.After(5 * time.Second):
			q.s.Log.Warn("a task does not end when it is told to")
		}
	}
	q.end()
	q.watching.Wait()
	return nil
}
