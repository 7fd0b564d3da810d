// Package tasks runs what peers submit, and submits to them (spec/wire.md#peers):
//
//	POST   /v1/packets           a MYTHOS-X packet in, the signed packet that answers it out
//	GET    /v1/tasks/ID[/result] how a submitted task is getting on; its answer
//	DELETE /v1/tasks/ID          cancels it
//
// Packets are checked by their signatures. An accepted task is stored until it has ended, whether or not anybody waits
// for it.
package tasks

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/VictoriaMetrics/metrics"

	"github.com/mythos-project/mythos/internal/packets"
	"github.com/mythos-project/mythos/internal/peer"
	"github.com/mythos-project/mythos/internal/peer/auth"
	"github.com/mythos-project/mythos/internal/repo"
	"github.com/mythos-project/mythos/internal/task"
	"github.com/mythos-project/mythos/internal/worker"
	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/store"
)

// Limits for submissions of peers.
const (
	maxPacket = 8 << 20 // bytes of a packet
	maxTasks  = 4       // tasks running at a time
)

// Service receives packets and runs their tasks.
type Service struct {
	Repo *repo.Repo

	// RequireCap requires a compute.spawn capability for each submission.
	RequireCap bool
	// Leave leaves the tasks to the workers of the repository.
	Leave bool

	door           peer.Door
	tasks          *worker.Queue
	accepted, done *metrics.FloatCounter
}

var _ peer.Worker = (*Service)(nil)

// Routes implements peer.Service.
func (s *Service) Routes(d peer.Door) []peer.Route {
	s.door = d
	s.accepted, s.done = d.Counter("mythos_tasks_accepted_total"), d.Counter("mythos_tasks_done_total")
	return []peer.Route{
		{Pattern: "POST /v1/packets", Body: true, Serve: s.packets},
		{Pattern: "GET /v1/tasks/{id}", Serve: s.status},
		{Pattern: "DELETE /v1/tasks/{id}", Serve: s.cancel},
		{Pattern: "GET /v1/tasks/{id}/result", Serve: s.result},
	}
}

// Start implements peer.Worker: it takes over the tasks that other servers left.
func (s *Service) Start(ctx context.Context) (err error) {
	o := worker.Options{Repo: s.Repo, Log: s.door.Log(), Kind: worker.KindServe, Slots: maxTasks, Explain: s.door.Explain,
		Most: func() int { return s.door.Limits().Tasks }, Ended: func() { s.done.Add(1) }}
	if s.Leave {
		o.Slots = 0
	}
	s.tasks, err = worker.Start(ctx, o)
	return err
}

// Stop implements peer.Worker.
func (s *Service) Stop(ctx context.Context) error { return s.tasks.Stop(ctx) }

// packets takes a submission through the six steps of receiving and has its first task run. It answers with the signed
// packet; or at once with the task, if the request prefers that.
func (s *Service) packets(w http.ResponseWriter, r *http.Request) {
	raw, release, err := s.door.Unproven(w, r, maxPacket)
	if err != nil {
		s.door.RefuseBody(w, r, err)
		return
	}
	defer release()
	got, err := s.Repo.Packets.Accept(r.Context(), raw)
	if err != nil {
		s.door.RefuseAs(w, r, peer.PacketStatus(err), err)
		return
	}
	t := task.Task{ID: got.Packet.ID(), State: task.Queued, Author: got.Author.KeyHex(), Submitted: s.Repo.Now(), Server: s.tasks.Server()}
	err = s.enqueue(context.WithoutCancel(r.Context()), t, raw, got)
	switch {
	case errors.Is(err, worker.ErrFull):
		s.door.Later(w, r, 5*time.Second, err)
		return
	case err != nil:
		s.refuse(w, r, err)
		return
	}
	s.accepted.Add(1)
	if r.Header.Get("Prefer") == "respond-async" {
		w.Header().Set("Location", "/v1/tasks/"+t.ID.String())
		answerJSON(w, http.StatusAccepted, t)
		return
	}
	release()
	s.awaited(w, r, t.ID)
}

// enqueue stores a task and adds it to the queue. If the queue refuses it, its author is not charged.
func (s *Service) enqueue(ctx context.Context, t task.Task, raw []byte, got *packets.Received) (err error) {
	giveBack := func(context.Context) error { return nil }
	if s.RequireCap {
		giveBack, err = s.Repo.Tasks.AddCharged(ctx, t, raw, got)
	} else {
		_, err = s.Repo.Tasks.Add(ctx, t, raw)
	}
	if err != nil {
		return err
	}
	if err = s.tasks.Add(t); err == nil {
		return nil
	}
	kind, hint := s.door.Explain(err)
	return errors.Join(err, s.Repo.Tasks.End(ctx, t.ID, t.Server, task.Failed, nil, task.Failure{Err: err, Kind: kind, Hint: hint}), giveBack(ctx))
}

func (s *Service) refuse(w http.ResponseWriter, r *http.Request, err error) {
	s.door.RefuseAs(w, r, peer.StatusOf(err), err)
}

// awaited answers with a task's result once there is one.
func (s *Service) awaited(w http.ResponseWriter, r *http.Request, id object.Hash) {
	s.door.Wait(w)
	t, err := s.wait(r.Context(), id)
	if r.Context().Err() != nil {
		return // the task continues
	}
	s.door.Answer(w)
	if err != nil {
		s.refuse(w, r, err)
		return
	}
	switch t.State {
	case task.Failed:
		s.door.RefuseAs(w, r, http.StatusInternalServerError, &peer.Explained{Message: t.Error, Kind: t.Kind, Hint: t.Hint})
	case task.Done, task.Cancelled:
		answer, err := s.Repo.Tasks.Answer(r.Context(), id)
		if err != nil {
			s.refuse(w, r, err)
			return
		}
		w.Header().Set("Content-Type", "application/mythos-x")
		_, _ = w.Write(answer)
	default:
		s.door.Later(w, r, 5*time.Second, errors.New("the task has not ended yet; it is kept"))
	}
}

// longPoll is how long a server waits for the end of a task that another server has.
const longPoll = 20 * time.Second

// wait returns a task when it has ended, or when nobody here knows when it will.
func (s *Service) wait(ctx context.Context, id object.Hash) (t task.Task, err error) {
	if ended := s.tasks.EndOf(id); ended != nil {
		select {
		case <-ended:
		case <-ctx.Done():
			return t, ctx.Err()
		}
	}
	ticker := time.NewTicker(worker.LookAround)
	defer ticker.Stop()
	for until := time.Now().Add(longPoll); ; {
		t, err = s.Repo.Tasks.Get(ctx, id)
		if err != nil || t.Ended != 0 || s.tasks.Stopping() || time.Now().After(until) {
			return t, err
		}
		select { // another server has it, or this one is about to take it over
		case <-ticker.C:
		case <-ctx.Done():
			return t, ctx.Err()
		}
	}
}

// ownTask returns the task that a signed request names. The sender must be its author or the owner of this repository.
func (s *Service) ownTask(r *http.Request) (task.Task, error) {
	id, err := peer.PathHash(r, "id")
	if err != nil {
		return task.Task{}, err
	}
	var t task.Task
	_, err = s.door.Caller(r, func(by peer.Asker) (err error) {
		t, err = s.Repo.Tasks.Get(r.Context(), id)
		if err == nil && t.Author != by.Agent.KeyHex() && !by.Agent.Same(s.Repo.Self()) {
			err = fmt.Errorf("task %s: %w", id.Short(), store.ErrNotFound) // like a task that does not exist: the sender learns nothing
		}
		return err
	})
	return t, err
}

// status answers GET /v1/tasks/ID, for its author.
func (s *Service) status(w http.ResponseWriter, r *http.Request) {
	t, err := s.ownTask(r)
	if err != nil {
		s.refuse(w, r, err)
		return
	}
	answerJSON(w, http.StatusOK, t)
}

// cancel answers DELETE /v1/tasks/ID, for its author or this repository's own agent, with the task as it is then; it
// may have ended before. Its result is a signed answer that says that it was cancelled.
func (s *Service) cancel(w http.ResponseWriter, r *http.Request) {
	t, err := s.ownTask(r)
	if err == nil {
		t, err = s.Repo.Tasks.Cancel(r.Context(), t.ID)
	}
	if err != nil {
		s.refuse(w, r, err)
		return
	}
	s.tasks.Cancel(t.ID)
	if t.Ended == 0 {
		s.door.Log().Info("cancelled", "task", t.ID.Short(), "agent", r.Header.Get(auth.HeaderAgent)[:12])
		answerJSON(w, http.StatusAccepted, t)
		return
	}
	answerJSON(w, http.StatusOK, t)
}

// result answers GET /v1/tasks/ID/result, for its author, if there is a result.
func (s *Service) result(w http.ResponseWriter, r *http.Request) {
	t, err := s.ownTask(r)
	if err != nil {
		s.refuse(w, r, err)
		return
	}
	s.awaited(w, r, t.ID)
}

func answerJSON(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v)
}
