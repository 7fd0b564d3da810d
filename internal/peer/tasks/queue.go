package tasks

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/mythos-project/mythos/internal/packets"
	"github.com/mythos-project/mythos/internal/peer"
	"github.com/mythos-project/mythos/internal/task"
	"github.com/mythos-project/mythos/object"
)

// errEnded is why a task has no answer that had begun when its server ended.
var errEnded = errors.New("the server ended while the task ran: what the task had begun may have happened, and nobody waits for it any more")

// hintEnded is what to do then.
const hintEnded = "submit the bundle again: effects that have a receipt are not done again, and one whose outcome nobody knows is named then"

// errFull means that no more tasks are taken for now.
var errFull = errors.New("the queue of tasks is full")

// queue runs submitted tasks, a few at a time, whether or not anybody waits for them.
// What it has accepted is in the repository, with the server that has it. Servers beside one
// another leave each other's tasks alone; those of one that is gone are taken over: what had
// not begun is run, by the one that claims it. What had begun is not, as it may have acted:
// it counts as failed, and submitting the bundle again goes on, since effects with a key are
// not done twice.
type queue struct {
	s   *Service
	me  *task.Instance
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
	task.Task
	ctx  context.Context
	stop context.CancelCauseFunc
	done chan struct{} // closed when there is nothing more to wait for
}

// newQueue takes up what servers before this one left.
func (s *Service) newQueue(ctx context.Context) (*queue, error) {
	me, err := s.Repo.Tasks.NewInstance()
	if err != nil {
		return nil, err
	}
	q := &queue{s: s, me: me, of: map[string]int{}, jobs: map[object.Hash]*job{}}
	q.wake = sync.NewCond(&q.mu)
	q.ctx, q.end = context.WithCancel(ctx)
	if err := s.Repo.Upkeep.Forget(ctx); err != nil {
		return nil, errors.Join(err, me.Close())
	}
	for range maxTasks {
		q.wg.Go(q.run)
	}
	if err := q.takeOver(ctx); err != nil {
		return nil, errors.Join(err, q.stop(ctx))
	}
	q.watching.Go(q.watch)
	return q, nil
}

// takeOver takes what servers that are gone have left, the oldest first.
func (q *queue) takeOver(ctx context.Context) error {
	alive := map[string]bool{q.me.ID: true}
	var left []task.Task
	err := q.s.Repo.Tasks.Open(ctx, func(id object.Hash, server string) error {
		lives, known := alive[server]
		if !known {
			var err error
			if lives, err = q.s.Repo.Tasks.InstanceAlive(server); err != nil {
				return err
			}
			alive[server] = lives
		}
		if lives || q.ended(id) != nil {
			return nil
		}
		t, err := q.s.Repo.Tasks.Get(ctx, id)
		if err == nil {
			left = append(left, t)
		}
		return err
	})
	slices.SortStableFunc(left, func(a, b task.Task) int { return cmp.Compare(a.Submitted, b.Submitted) })
	for _, t := range left {
		q.takeUp(ctx, t)
	}
	return err
}

// takeUp goes on with a task that was left.
func (q *queue) takeUp(ctx context.Context, t task.Task) {
	var err error
	switch {
	case t.Ended != 0: // since
	case t.State == task.Running:
		err = q.s.Repo.Tasks.End(ctx, t.ID, t.Server, task.Failed, nil, task.Failure{Err: errEnded, Kind: peer.KindFailed, Hint: hintEnded})
		q.s.door.Log().Warn("a server ended while a task ran", "task", t.ID.Short())
	default:
		err = q.add(t)
	}
	if err != nil && !errors.Is(err, errFull) && !errors.Is(err, task.ErrClaimed) { // else there is another time, or another server
		q.s.door.Log().Error("task of another server", "task", t.ID.Short(), "error", err)
	}
}

// add puts a task that is kept into the queue.
func (q *queue) add(t task.Task) error {
	most := q.s.door.Limits().Tasks
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
	if q.jobs[t.ID] != nil {
		return nil
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
	j.stop(packets.ErrCancelled)
	if at := slices.Index(q.waiting, j); at >= 0 {
		q.waiting = slices.Delete(q.waiting, at, at+1)
		q.wg.Go(func() { q.one(j); q.leave(j) })
	}
}

// lookAround is how often the queue looks for tasks that were cancelled by a command on
// this repository, or at a server beside this one, and for those of servers that are gone.
const lookAround = 500 * time.Millisecond

// watch looks around until the time of the tasks is over.
func (q *queue) watch() {
	ticker := time.NewTicker(lookAround)
	defer ticker.Stop()
	for q.ctx.Err() == nil {
		err := q.s.Repo.Tasks.Cancelled(q.ctx, func(id object.Hash) error { q.cancel(id); return nil })
		if err == nil && !q.stopping() {
			err = q.takeOver(q.ctx)
		}
		if err != nil && q.ctx.Err() == nil {
			q.s.door.Log().Error("looking for tasks that were cancelled or left", "error", err)
		}
		select {
		case <-q.ctx.Done():
		case <-ticker.C:
		}
	}
}

func (q *queue) stopping() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.closed
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

// one runs a task, if this server gets it, and keeps its answer.
func (q *queue) one(j *job) {
	n, ctx := q.s.Repo, context.WithoutCancel(q.ctx)
	_, cancelled, err := n.Tasks.Claim(ctx, j.ID, q.me.ID)
	if errors.Is(err, task.ErrClaimed) {
		return
	}
	if err != nil {
		q.s.door.Log().Error("task", "task", j.ID.Short(), "error", err)
		return
	}
	if cancelled {
		j.stop(packets.ErrCancelled)
	}
	answer, err := q.answer(j)
	why := q.s.failure(err)
	if err != nil && q.ctx.Err() != nil && !errors.Is(err, packets.ErrCancelled) {
		why = task.Failure{Err: errEnded, Kind: peer.KindFailed, Hint: hintEnded}
	}
	state := task.Done
	switch {
	case errors.Is(err, packets.ErrCancelled):
		state = task.Cancelled
	case err != nil:
		state = task.Failed
	}
	q.s.done.Add(1)
	attrs := []any{"task", j.ID.Short(), "author", j.Author[:min(12, len(j.Author))], "state", state}
	if why.Err != nil {
		attrs = append(attrs, "error", why.Err)
	}
	q.s.door.Log().Info("task", attrs...)
	if err := n.Tasks.End(ctx, j.ID, q.me.ID, state, answer, why); err != nil {
		q.s.door.Log().Error("task", "task", j.ID.Short(), "error", err)
	}
}

func (q *queue) answer(j *job) ([]byte, error) {
	ctx := context.WithoutCancel(j.ctx)
	raw, err := q.s.Repo.Tasks.Packet(ctx, j.ID)
	if err != nil {
		return nil, err
	}
	got, err := q.s.Repo.Packets.Open(ctx, raw)
	if err != nil {
		return nil, err
	}
	answer, _, err := q.s.Repo.Packets.Serve(j.ctx, got)
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
		q.s.door.Log().Info("left for the next server", "task", j.ID.Short())
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
			q.s.door.Log().Warn("a task does not end when it is told to")
		}
	}
	q.end()
	q.watching.Wait()
	return q.me.Close()
}
