package peer

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync"
	"time"

	"github.com/mythos-project/mythos/internal/node"
	"github.com/mythos-project/mythos/object"
)

// errFull means that no more tasks are taken for now.
var errFull = errors.New("the queue of tasks is full")

// queue runs submitted tasks, a few at a time, whether or not anybody waits for them.
// What it has accepted is in the repository: tasks that had not begun when a server
// ended are run by the next one. One that had begun is not, as it may have acted: it
// counts as failed, and submitting the bundle again goes on, since effects with a key
// are not done twice.
type queue struct {
	s    *Server
	ctx  context.Context // of the tasks; ends when their time is over
	end  context.CancelFunc
	work chan node.Task
	wg   sync.WaitGroup

	mu     sync.Mutex
	closed bool
	of     map[string]int                // tasks of an author
	done   map[object.Hash]chan struct{} // closed when a task has ended
}

// newQueue takes up what a server before this one left, unless another one still runs.
func (s *Server) newQueue(ctx context.Context) (*queue, error) {
	q := &queue{s: s, work: make(chan node.Task, maxQueued), of: map[string]int{}, done: map[object.Hash]chan struct{}{}}
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
	for _, t := range left {
		q.takeUp(ctx, t)
	}
	return q, nil
}

// takeUp goes on with a task that was left.
func (q *queue) takeUp(ctx context.Context, t node.Task) {
	var err error
	if t.State == node.TaskRunning {
		err = q.s.Node.EndTask(ctx, t, nil, errors.New("the server ended while the task ran; submit the bundle again"))
	} else {
		err = q.add(t)
	}
	if err != nil {
		q.s.Log.Error("task of before", "task", t.ID.Short(), "error", err)
	}
}

// add puts a task that is kept into the queue.
func (q *queue) add(t node.Task) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	switch {
	case q.closed:
		return fmt.Errorf("%w: the server is stopping", errFull)
	case q.of[t.Author] >= q.s.peers.now().Tasks:
		return fmt.Errorf("%w: %d tasks of the same agent wait or run", errFull, q.of[t.Author])
	}
	select {
	case q.work <- t:
	default:
		return errFull
	}
	q.of[t.Author]++
	q.done[t.ID] = make(chan struct{})
	return nil
}

// ended is closed when a task has ended; nil: it is not under way.
func (q *queue) ended(id object.Hash) <-chan struct{} {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.done[id]
}

func (q *queue) run() {
	for t := range q.work {
		if q.ctx.Err() == nil { // else it is for the next server
			q.one(t)
		}
		q.leave(t)
	}
}

// leave tells who waits for a task that there is nothing more to wait for.
func (q *queue) leave(t node.Task) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.of[t.Author]--; q.of[t.Author] == 0 {
		delete(q.of, t.Author)
	}
	close(q.done[t.ID])
	delete(q.done, t.ID)
}

// one runs a task, and keeps its answer.
func (q *queue) one(t node.Task) {
	n, ctx := q.s.Node, context.WithoutCancel(q.ctx)
	if err := n.StartTask(ctx, t); err != nil {
		q.s.Log.Error("task", "task", t.ID.Short(), "error", err)
		return
	}
	answer, err := q.answer(t.ID)
	q.s.metrics.tasksDone.Add(1)
	q.s.Log.Info("task", "task", t.ID.Short(), "author", t.Author[:12], "error", err)
	if err := n.EndTask(ctx, t, answer, err); err != nil {
		q.s.Log.Error("task", "task", t.ID.Short(), "error", err)
	}
}

func (q *queue) answer(id object.Hash) ([]byte, error) {
	raw, err := q.s.Node.TaskPacket(q.ctx, id)
	if err != nil {
		return nil, err
	}
	got, err := q.s.Node.Open(q.ctx, raw)
	if err != nil {
		return nil, err
	}
	answer, _, err := q.s.Node.Serve(q.ctx, got)
	return answer, err
}

// stop takes no more tasks, and waits for those that run; when ctx ends, they are told
// to end, and have another few seconds.
func (q *queue) stop(ctx context.Context) error {
	q.mu.Lock()
	q.closed = true
	q.mu.Unlock()
	waiting := len(q.work)
	for range waiting {
		select {
		case t := <-q.work: // it is kept, and not begun
			q.s.Log.Info("left for the next server", "task", t.ID.Short())
			q.leave(t)
		default:
		}
	}
	close(q.work)
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
	return nil
}

// packets takes a submission through the six steps of receiving and has its first task
// run. It answers with the signed packet; or at once with the task, where the request
// prefers that.
func (s *Server) packets(w http.ResponseWriter, r *http.Request) {
	raw, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxPacket))
	if err != nil {
		s.refuse(w, r, http.StatusRequestEntityTooLarge, err)
		return
	}
	got, err := s.Node.Accept(r.Context(), raw)
	if err != nil {
		s.refuse(w, r, receiveStatus(err), err)
		return
	}
	t := node.Task{ID: got.Packet.ID(), State: node.TaskQueued, Author: got.Author.KeyHex(), Submitted: s.Node.Now()}
	ctx := context.WithoutCancel(r.Context())
	if err = s.Node.AddTask(ctx, t, raw); err == nil {
		if err = s.tasks.add(t); err != nil {
			err = errors.Join(err, s.Node.EndTask(ctx, t, nil, err))
		}
	}
	switch {
	case errors.Is(err, errFull):
		s.later(w, r, http.StatusServiceUnavailable, 5*time.Second, err)
		return
	case err != nil:
		s.refuse(w, r, http.StatusInternalServerError, err)
		return
	}
	s.metrics.tasksQueue.Add(1)
	if r.Header.Get("Prefer") == "respond-async" {
		w.Header().Set("Location", "/v1/tasks/"+t.ID.String())
		answerJSON(w, http.StatusAccepted, t)
		return
	}
	s.awaited(w, r, t.ID)
}

// awaited answers with a task's result when it has one.
func (s *Server) awaited(w http.ResponseWriter, r *http.Request, id object.Hash) {
	rc := http.NewResponseController(w)
	if ended := s.tasks.ended(id); ended != nil {
		_ = rc.SetReadDeadline(time.Time{})
		_ = rc.SetWriteDeadline(time.Time{})
		select {
		case <-ended:
		case <-r.Context().Done():
			return // the task goes on
		}
	}
	_ = rc.SetWriteDeadline(time.Now().Add(maxStall))
	t, err := s.Node.Task(r.Context(), id)
	if err != nil {
		s.refuse(w, r, statusOf(err), err)
		return
	}
	switch t.State {
	case node.TaskFailed:
		s.refuse(w, r, http.StatusInternalServerError, errors.New(t.Error))
	case node.TaskDone:
		answer, err := s.Node.TaskAnswer(r.Context(), id)
		if err != nil {
			s.refuse(w, r, statusOf(err), err)
			return
		}
		w.Header().Set("Content-Type", "application/mythos-x")
		_, _ = w.Write(answer)
	default:
		s.later(w, r, http.StatusServiceUnavailable, 5*time.Second, errors.New("the server is stopping; the task is kept"))
	}
}

// ownTask is the task that a signed request of its author names.
func (s *Server) ownTask(r *http.Request) (node.Task, error) {
	id, err := object.ParseHash(r.PathValue("id"))
	if err != nil {
		return node.Task{}, fmt.Errorf("%w: %w", errBadParts, err)
	}
	agent, _, err := s.caller(r)
	if err != nil {
		return node.Task{}, err
	}
	t, err := s.Node.Task(r.Context(), id)
	if err == nil && t.Author != agent.KeyHex() {
		err = fmt.Errorf("%w: task %s is another agent's", ErrUnauthorized, id.Short())
	}
	return t, err
}

// taskStatus answers GET /v1/tasks/ID, to its author.
func (s *Server) taskStatus(w http.ResponseWriter, r *http.Request) {
	t, err := s.ownTask(r)
	if err != nil {
		s.refuse(w, r, statusOf(err), err)
		return
	}
	answerJSON(w, http.StatusOK, t)
}

// taskResult answers GET /v1/tasks/ID/result, to its author, when there is one.
func (s *Server) taskResult(w http.ResponseWriter, r *http.Request) {
	t, err := s.ownTask(r)
	if err != nil {
		s.refuse(w, r, statusOf(err), err)
		return
	}
	s.awaited(w, r, t.ID)
}

func answerJSON(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v)
}
