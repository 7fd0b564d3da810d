package worker

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"slices"
	"sync"
	"time"

	"github.com/mythos-project/mythos/internal/engine"
	"github.com/mythos-project/mythos/internal/packets"
	"github.com/mythos-project/mythos/internal/repo"
	"github.com/mythos-project/mythos/internal/task"
	"github.com/mythos-project/mythos/object"
)

// maxQueued is how many tasks wait in a queue.
const maxQueued = 64

// Options say what a queue is for.
type Options struct {
	Repo  *repo.Repo
	Log   *slog.Logger
	Kind  string     // kind of process, as shown to others
	Slots int        // tasks running at a time; 0: none, accepted tasks are left to others
	Most  func() int // tasks of one author that wait or run; nil: no limit

	// Explain returns the kind and the hint that the command line would give for an error.
	Explain func(error) (kind, hint string)
	Ended   func() // called when a task has ended; may be nil
}

// Queue runs submitted tasks, a few at a time, whether or not anybody waits for them. Accepted tasks are stored in the
// repository, with the server that has them. Concurrent queues leave each other's tasks alone. Tasks of a queue that is
// gone, and those that nobody has, are taken over: a task that had not begun is run by the queue that claims it. A task
// that had begun is run again if every effect that it can reach has a key, since these do not happen twice. Any other
// task counts as failed, since it may have acted.
type Queue struct {
	Options

	me  *task.Instance
	ctx context.Context // of the tasks; ends when their time is over
	end context.CancelFunc
	wg  sync.WaitGroup

	watching sync.WaitGroup
	look     chan struct{} // has one item if there is room for another task

	mu      sync.Mutex
	wake    *sync.Cond
	closed  bool
	waiting []*job
	of      map[string]int // number of tasks by author
	jobs    map[object.Hash]*job
	running int
}

// job is a task that waits or runs, here or, without slots, elsewhere.
type job struct {
	task.Task
	ctx  context.Context
	stop context.CancelCauseFunc
	done chan struct{} // closed when there is nothing more to wait for

	ending bool // its cancellation is being answered
}

// Start makes this process known, and takes over tasks that others left.
func Start(ctx context.Context, o Options) (*Queue, error) {
	q := &Queue{Options: o, of: map[string]int{}, jobs: map[object.Hash]*job{}, look: make(chan struct{}, 1)}
	q.wake = sync.NewCond(&q.mu)
	me, err := o.Repo.Tasks.NewInstance(engine.Member{Kind: o.Kind, Slots: o.Slots, Running: q.Running})
	if err != nil {
		return nil, err
	}
	q.me = me
	q.ctx, q.end = context.WithCancel(ctx)
	if err := o.Repo.Upkeep.Forget(ctx); err != nil {
		return nil, errors.Join(err, me.Close())
	}
	for range o.Slots {
		q.wg.Go(q.run)
	}
	if _, err := q.takeOver(ctx); err != nil {
		return nil, errors.Join(err, q.Stop(ctx))
	}
	q.watching.Go(q.watch)
	return q, nil
}

// Server returns who has a task that is accepted now: this process, or nobody yet.
func (q *Queue) Server() string {
	if q.Slots == 0 {
		return ""
	}
	return q.me.ID
}

// Running returns how many tasks run here.
func (q *Queue) Running() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.running
}

// Add adds a stored task to the queue. The error wraps ErrFull if there is no room.
func (q *Queue) Add(t task.Task) error {
	most := math.MaxInt
	if q.Most != nil {
		most = q.Most()
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	switch {
	case q.closed:
		return fmt.Errorf("%w: the server is stopping", ErrFull)
	case q.of[t.Author] >= most:
		return fmt.Errorf("%w: %d tasks of the same agent wait or run", ErrFull, q.of[t.Author])
	case len(q.waiting) >= maxQueued, q.Slots == 0 && len(q.jobs) >= maxLeft:
		return ErrFull
	}
	if q.jobs[t.ID] != nil {
		return nil
	}
	j := &job{Task: t, done: make(chan struct{})}
	j.ctx, j.stop = context.WithCancelCause(q.ctx)
	q.of[t.Author]++
	q.jobs[t.ID] = j
	if q.Slots > 0 {
		q.waiting = append(q.waiting, j)
		q.wake.Signal()
	}
	return nil
}

// EndOf returns a channel that is closed when a task has ended; nil: the task is not under way.
func (q *Queue) EndOf(id object.Hash) <-chan struct{} {
	q.mu.Lock()
	defer q.mu.Unlock()
	if j := q.jobs[id]; j != nil {
		return j.done
	}
	return nil
}

// Cancel stops a task. A running task is stopped by its context; a waiting one is next, and is answered without having
// begun. It has no effect on other tasks.
func (q *Queue) Cancel(id object.Hash) {
	q.mu.Lock()
	defer q.mu.Unlock()
	j := q.jobs[id]
	if j == nil {
		return
	}
	j.stop(packets.ErrCancelled)
	at := slices.Index(q.waiting, j)
	if at >= 0 {
		q.waiting = slices.Delete(q.waiting, at, at+1)
	}
	if at >= 0 || q.Slots == 0 && !j.ending {
		j.ending = true
		q.running++
		q.wg.Go(func() { q.one(j); q.leave(j) })
	}
}

// LookAround is how often the queue looks for tasks that were cancelled by a command on this repository or by another
// server, and for those of servers that are gone.
const LookAround = 500 * time.Millisecond

// watch looks around until the time of the tasks is over.
func (q *Queue) watch() {
	ticker := time.NewTicker(LookAround)
	defer ticker.Stop()
	for q.ctx.Err() == nil {
		err := q.Repo.Tasks.Cancelled(q.ctx, func(id object.Hash) error { return q.cancelled(q.ctx, id) })
		found := 0
		if err == nil && !q.Stopping() {
			found, err = q.takeOver(q.ctx)
		}
		if err != nil && q.ctx.Err() == nil {
			q.Log.Error("looking for tasks that were cancelled or left", "error", err)
		}
		more := q.look
		if found == 0 {
			more = nil // there is nothing to look for before the next tick
		}
		select {
		case <-q.ctx.Done():
		case <-ticker.C:
		case <-more:
		}
	}
}

// Stopping reports whether the queue accepts no more tasks.
func (q *Queue) Stopping() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.closed
}

func (q *Queue) run() { q.runUntil(new(bool)) }

// place is the place of a running task, which it lends to another one while any of its effects waits: a task that waits
// for tasks which it spawned must not keep them from running. The queue's mu guards it.
type place struct {
	q     *Queue
	waits int   // effects that wait
	over  *bool // ends the loan
}

// lend begins a wait, which ends when back is called.
func (p *place) lend() (back func()) {
	p.q.mu.Lock()
	defer p.q.mu.Unlock()
	if p.waits++; p.waits == 1 {
		over := new(bool)
		p.over = over
		p.q.running--
		p.q.wg.Go(func() { p.q.runUntil(over) })
	}
	return p.back
}

func (p *place) back() {
	p.q.mu.Lock()
	defer p.q.mu.Unlock()
	if p.waits--; p.waits == 0 {
		*p.over = true
		p.q.running++
		p.q.wake.Broadcast()
	}
}

// runUntil runs tasks until there are no more, or until over, which mu guards.
func (q *Queue) runUntil(over *bool) {
	for {
		j := q.next(over)
		if j == nil {
			return
		}
		q.one(j)
		q.leave(j)
	}
}

// next waits for a task; nil: there are no more, or it is over.
func (q *Queue) next(over *bool) *job {
	q.mu.Lock()
	defer q.mu.Unlock()
	for len(q.waiting) == 0 && !q.closed && !*over {
		select {
		case q.look <- struct{}{}:
		default:
		}
		q.wake.Wait()
	}
	if q.closed || *over {
		return nil
	}
	j := q.waiting[0]
	q.waiting = slices.Delete(q.waiting, 0, 1)
	q.running++
	return j
}

// leave tells those who wait for a task that ran here that there is nothing more to wait for.
func (q *Queue) leave(j *job) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.running--
	q.drop(j)
}

// drop forgets a task; mu is held.
func (q *Queue) drop(j *job) {
	if q.of[j.Author]--; q.of[j.Author] == 0 {
		delete(q.of, j.Author)
	}
	delete(q.jobs, j.ID)
	close(j.done)
	j.stop(nil)
}

// one runs a task, if this server gets it, and stores its answer.
func (q *Queue) one(j *job) {
	n, ctx := q.Repo, context.WithoutCancel(q.ctx)
	_, cancelled, err := n.Tasks.Claim(ctx, j.ID, q.me.ID)
	if errors.Is(err, task.ErrClaimed) {
		return
	}
	if err != nil {
		q.Log.Error("task", "task", j.ID.Short(), "error", err)
		return
	}
	if cancelled {
		j.stop(packets.ErrCancelled)
	}
	answer, err := q.answer(j)
	why := task.Failure{Err: err}
	if err != nil {
		why.Kind, why.Hint = q.Explain(err)
	}
	if err != nil && q.ctx.Err() != nil && !errors.Is(err, packets.ErrCancelled) {
		why = ended(errEnded)
	}
	state := task.Done
	switch {
	case errors.Is(err, packets.ErrCancelled):
		state = task.Cancelled
	case err != nil:
		state = task.Failed
	}
	if q.Ended != nil {
		q.Ended()
	}
	attrs := []any{"task", j.ID.Short(), "author", j.Author[:min(12, len(j.Author))], "state", state}
	if why.Err != nil {
		attrs = append(attrs, "error", why.Err)
	}
	q.Log.Info("task", attrs...)
	if err := n.Tasks.End(ctx, j.ID, q.me.ID, state, answer, why); err != nil {
		q.Log.Error("task", "task", j.ID.Short(), "error", err)
	}
}

func (q *Queue) answer(j *job) ([]byte, error) {
	ctx := context.WithoutCancel(j.ctx)
	raw, err := q.Repo.Tasks.Packet(ctx, j.ID)
	if err != nil {
		return nil, err
	}
	got, err := q.Repo.Packets.Open(ctx, raw)
	if err != nil {
		return nil, err
	}
	answer, _, err := q.Repo.Packets.Serve(j.ctx, got, (&place{q: q}).lend)
	return answer, err
}

// Stop accepts no more tasks, and waits for the running ones; when ctx ends, they are told to end, and get a few more
// seconds.
func (q *Queue) Stop(ctx context.Context) error {
	q.mu.Lock()
	q.closed = true
	for _, j := range q.waiting { // it is stored, and has not begun
		q.Log.Info("left for the next server", "task", j.ID.Short())
		q.drop(j)
	}
	q.waiting = nil
	q.wake.Broadcast()
	q.mu.Unlock()
	idle := make(chan struct{})
	go func() { q.wg.Wait(); close(idle) }()
	select {
	case <-idle:
	case <-ctx.Done():
		q.end()
		select {
		case <-idle:
		case <-time.After(5 * time.Second):
			q.Log.Warn("a task does not end when it is told to")
		}
	}
	q.end()
	q.watching.Wait()
	return q.me.Close()
}
