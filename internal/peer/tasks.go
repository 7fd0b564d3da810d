package peer

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/mythos-project/mythos/internal/packets"
	"github.com/mythos-project/mythos/internal/peer/auth"
	"github.com/mythos-project/mythos/internal/task"
	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/store"
)

// packets takes a submission through the six steps of receiving and has its first task
// run. It answers with the signed packet; or at once with the task, where the request
// prefers that.
func (s *Server) packets(w http.ResponseWriter, r *http.Request) {
	raw, release, err := s.unproven(w, r, maxPacket)
	if err != nil {
		s.refuseBody(w, r, err)
		return
	}
	defer release()
	got, err := s.Node.Packets.Accept(r.Context(), raw)
	if err != nil {
		s.refuse(w, r, receiveStatus(err), err)
		return
	}
	t := task.Task{ID: got.Packet.ID(), State: task.Queued, Author: got.Author.KeyHex(), Submitted: s.Node.Now(), Server: s.tasks.me.ID}
	err = s.enqueue(context.WithoutCancel(r.Context()), t, raw, got)
	switch {
	case errors.Is(err, errFull):
		s.later(w, r, http.StatusServiceUnavailable, 5*time.Second, err)
		return
	case err != nil:
		s.refuse(w, r, statusOf(err), err)
		return
	}
	s.metrics.tasksQueue.Add(1)
	if r.Header.Get("Prefer") == "respond-async" {
		w.Header().Set("Location", "/v1/tasks/"+t.ID.String())
		answerJSON(w, http.StatusAccepted, t)
		return
	}
	release()
	s.awaited(w, r, t.ID)
}

// enqueue keeps a task and puts it into the queue. One that the queue does not take costs
// its author nothing.
func (s *Server) enqueue(ctx context.Context, t task.Task, raw []byte, got *packets.Received) (err error) {
	giveBack := func(context.Context) error { return nil }
	if s.RequireCap {
		giveBack, err = s.Node.Tasks.AddCharged(ctx, t, raw, got)
	} else {
		err = s.Node.Tasks.Add(ctx, t, raw)
	}
	if err != nil {
		return err
	}
	if err = s.tasks.add(t); err == nil {
		return nil
	}
	return errors.Join(err, s.Node.Tasks.End(ctx, t.ID, t.Server, task.Failed, nil, s.failure(err)), giveBack(ctx))
}

// refuseBody refuses a request whose body was not read to its end.
func (s *Server) refuseBody(w http.ResponseWriter, r *http.Request, err error) {
	if errors.Is(err, errNoRoom) {
		s.later(w, r, http.StatusServiceUnavailable, 5*time.Second, err)
		return
	}
	s.refuse(w, r, statusOf(err), err)
}

// awaited answers with a task's result when it has one.
func (s *Server) awaited(w http.ResponseWriter, r *http.Request, id object.Hash) {
	rc := http.NewResponseController(w)
	_ = rc.SetReadDeadline(time.Time{})
	_ = rc.SetWriteDeadline(time.Time{})
	t, err := s.wait(r.Context(), id)
	if r.Context().Err() != nil {
		return // the task goes on
	}
	_ = rc.SetWriteDeadline(time.Now().Add(maxStall))
	if err != nil {
		s.refuse(w, r, statusOf(err), err)
		return
	}
	switch t.State {
	case task.Failed:
		s.refuse(w, r, http.StatusInternalServerError, &taskError{t})
	case task.Done, task.Cancelled:
		answer, err := s.Node.Tasks.Answer(r.Context(), id)
		if err != nil {
			s.refuse(w, r, statusOf(err), err)
			return
		}
		w.Header().Set("Content-Type", "application/mythos-x")
		_, _ = w.Write(answer)
	default:
		s.later(w, r, http.StatusServiceUnavailable, 5*time.Second, errors.New("the task has not ended yet; it is kept"))
	}
}

// longPoll is how long a server waits for the end of a task that another one has.
const longPoll = 20 * time.Second

// wait returns a task when it has ended, or when nobody here can tell when it will.
func (s *Server) wait(ctx context.Context, id object.Hash) (t task.Task, err error) {
	if ended := s.tasks.ended(id); ended != nil {
		select {
		case <-ended:
		case <-ctx.Done():
			return t, ctx.Err()
		}
	}
	ticker := time.NewTicker(lookAround)
	defer ticker.Stop()
	for until := time.Now().Add(longPoll); ; {
		t, err = s.Node.Tasks.Get(ctx, id)
		if err != nil || t.Ended != 0 || s.tasks.stopping() || time.Now().After(until) {
			return t, err
		}
		select { // another server has it, or this one is about to take it over
		case <-ticker.C:
		case <-ctx.Done():
			return t, ctx.Err()
		}
	}
}

// ownTask is the task that a signed request of its author, or of the one who runs this
// repository, names.
func (s *Server) ownTask(r *http.Request) (task.Task, error) {
	id, err := PathHash(r, "id")
	if err != nil {
		return task.Task{}, err
	}
	var t task.Task
	_, err = s.caller(r, func(by asker) (err error) {
		t, err = s.Node.Tasks.Get(r.Context(), id)
		if err == nil && t.Author != by.agent.KeyHex() && !by.agent.Same(s.Node.Self()) {
			err = fmt.Errorf("task %s: %w", id.Short(), store.ErrNotFound) // as one that is not here: who asks learns nothing
		}
		return err
	})
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

// taskCancel answers DELETE /v1/tasks/ID, to its author or to this repository's own
// agent: with the task as it is then, which may have ended before. Its result is a signed
// answer that says that it was cancelled.
func (s *Server) taskCancel(w http.ResponseWriter, r *http.Request) {
	t, err := s.ownTask(r)
	if err == nil {
		t, err = s.Node.Tasks.Cancel(r.Context(), t.ID)
	}
	if err != nil {
		s.refuse(w, r, statusOf(err), err)
		return
	}
	s.tasks.cancel(t.ID)
	if t.Ended == 0 {
		s.Log.Info("cancelled", "task", t.ID.Short(), "agent", r.Header.Get(auth.HeaderAgent)[:12])
		answerJSON(w, http.StatusAccepted, t)
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
