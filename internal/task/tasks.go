// Package task stores the tasks that peers submit, and which server has each of them.
package task

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/mythos-project/mythos/caps"
	"github.com/mythos-project/mythos/caps/quota"
	"github.com/mythos-project/mythos/internal/authority"
	"github.com/mythos-project/mythos/internal/engine"
	"github.com/mythos-project/mythos/internal/identity"
	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/store"
	"github.com/mythos-project/mythos/store/kv"
)

// Tasks stores submitted tasks until they have ended, and for a day longer.
type Tasks struct {
	Engine   *engine.Engine // says which servers are alive, if many machines share the repository
	ID       *identity.Identity
	DB       kv.KV
	Verifier *caps.Verifier
	Quotas   *quota.Quotas
	Auth     *authority.Authority
}

// States of a submitted task.
const (
	Queued  = "queued"
	Running = "running"
	Done    = "done"   // it has an answer, which may say that it was halted
	Failed  = "failed" // it has no answer

	Cancelled = "cancelled" // its answer says so
)

// ErrClaimed means that another server has a task, or that it has ended.
var ErrClaimed = errors.New("another server has the task, or it has ended")

// Task is an accepted submission: its id is that of the packet.
type Task struct {
	ID        object.Hash `json:"task"`
	State     string      `json:"state"`  // queued, running, done, failed or cancelled
	Author    string      `json:"author"` // public key, 64 hex digits
	Submitted object.Time `json:"submitted"`
	Ended     object.Time `json:"ended,omitempty"` // 0: not yet
	Error     string      `json:"error,omitempty"` // why it failed
	Kind      string      `json:"kind,omitempty"`  // of the error: the name of an exit code
	Hint      string      `json:"hint,omitempty"`  // what to do about it

	Server string `json:"server,omitempty"` // the Instance that has it, or last had it; empty: none yet
	Begun  int    `json:"begun,omitempty"`  // how often a server began it

	Spawn *object.Hash `json:"spawn,omitempty"` // the spawn that it is of: only a process with the author's key runs it
}

// KeepTasks is how long an ended task, and its answer, are stored.
const KeepTasks = 24 * time.Hour

const (
	taskKeys   = kv.Tasks       // the Task as JSON
	taskInputs = kv.TaskPackets // the packet, until the task ended
	taskOutput = kv.TaskAnswers // the answer
	cancelKeys = kv.TaskCancels // for a task that is to end
	openKeys   = kv.OpenTasks   // the Instance that has it, until the task ended
)

// Add stores a task that the server t.Server has accepted, with its packet, and reports whether it is new. An existing
// task is not changed.
func (ta *Tasks) Add(ctx context.Context, t Task, packet []byte) (added bool, err error) {
	check, put, err := newTask(t, packet)
	if err != nil {
		return false, err
	}
	return ta.DB.Update(ctx, check, put)
}

// newTask returns the update that stores a task which does not exist yet.
func newTask(t Task, packet []byte) (check, put map[string][]byte, err error) {
	raw, err := json.Marshal(t)
	id := t.ID.String()
	return map[string][]byte{taskKeys + id: nil}, map[string][]byte{taskKeys + id: raw, taskInputs + id: packet, openKeys + id: []byte(t.Server)}, err
}

// Claim records that a server begins a waiting task, and returns the task as it then is. If several servers claim it,
// only one gets it; the error of the others wraps ErrClaimed. cancelled reports that it is to end at once.
func (ta *Tasks) Claim(ctx context.Context, id object.Hash, server string) (t Task, cancelled bool, err error) {
	t, err = ta.changeTask(ctx, id, func(t *Task) (map[string][]byte, error) {
		if t.State != Queued {
			return nil, fmt.Errorf("task %s: %w", id.Short(), ErrClaimed)
		}
		t.State, t.Server, t.Begun = Running, server, t.Begun+1
		return map[string][]byte{openKeys + id.String(): []byte(server)}, nil
	})
	if err == nil {
		_, cancelled, err = ta.DB.Get(ctx, cancelKeys+id.String())
	}
	return t, cancelled, err
}

// Requeue lets a task that the server began wait again. The error wraps ErrClaimed if another server now has it, or it
// has ended.
func (ta *Tasks) Requeue(ctx context.Context, id object.Hash, server string) (Task, error) {
	return ta.changeTask(ctx, id, func(t *Task) (map[string][]byte, error) {
		if t.State != Running || t.Server != server {
			return nil, fmt.Errorf("task %s: %w", id.Short(), ErrClaimed)
		}
		t.State, t.Server = Queued, ""
		return map[string][]byte{openKeys + id.String(): {}}, nil
	})
}

// Failure says why a task has no answer.
type Failure struct {
	Err  error
	Kind string // the name of an exit code; empty: unknown
	Hint string // what to do about it; may be empty
}

// End records how a task that the server has ended: done, failed or cancelled, with the answer if there is one, and why
// there is no result. The error wraps ErrClaimed if another server now has the task, or it has already ended.
func (ta *Tasks) End(ctx context.Context, id object.Hash, server, state string, answer []byte, why Failure) error {
	_, err := ta.changeTask(ctx, id, func(t *Task) (map[string][]byte, error) {
		if t.Ended != 0 || t.Server != server {
			return nil, fmt.Errorf("task %s: %w", id.Short(), ErrClaimed)
		}
		t.State, t.Ended, t.Kind, t.Hint = state, ta.ID.Now(), why.Kind, why.Hint
		if why.Err != nil {
			t.Error = why.Err.Error()
		}
		put := map[string][]byte{taskInputs + id.String(): nil, cancelKeys + id.String(): nil, openKeys + id.String(): nil}
		if answer != nil {
			put[taskOutput+id.String()] = answer
		}
		return put, nil
	})
	return err
}

// changeTask replaces a task by the result of change, and writes what change returns in the same update. change is
// called again if another process was faster.
func (ta *Tasks) changeTask(ctx context.Context, id object.Hash, change func(*Task) (map[string][]byte, error)) (t Task, err error) {
	key := taskKeys + id.String()
	for {
		was, found, err := ta.DB.Get(ctx, key)
		if err == nil && !found {
			err = fmt.Errorf("task %s: %w", id.Short(), store.ErrNotFound)
		}
		if err != nil {
			return t, err
		}
		t = Task{}
		if err := json.Unmarshal(was, &t); err != nil {
			return t, err
		}
		put, err := change(&t)
		if err != nil {
			return t, err
		}
		if put[key], err = json.Marshal(t); err != nil {
			return t, err
		}
		if ok, err := ta.DB.Update(ctx, map[string][]byte{key: was}, put); err != nil || ok {
			return t, err
		}
	}
}

// Open calls fn for each task that has not ended, with the server that has it, ascending by id.
func (ta *Tasks) Open(ctx context.Context, fn func(id object.Hash, server string) error) error {
	return ta.DB.Scan(ctx, openKeys, kv.End(openKeys), func(key string, server []byte) error {
		id, err := object.ParseHash(key[len(openKeys):])
		if err != nil {
			return err
		}
		return fn(id, string(server))
	})
}

// Cancel records that a task is to end, and returns it as it is. The server that has it ends it within a second; if
// none has it, the next one ends it before it begins. It has no effect on a task that has ended. The error wraps
// store.ErrNotFound.
func (ta *Tasks) Cancel(ctx context.Context, id object.Hash) (Task, error) {
	t, err := ta.Get(ctx, id)
	if err == nil && t.Ended == 0 {
		_, err = ta.DB.Update(ctx, nil, map[string][]byte{cancelKeys + id.String(): {1}})
	}
	return t, err
}

// Withdraw ends a task that no server has begun, and certainly none will. The error wraps ErrClaimed if one has.
func (ta *Tasks) Withdraw(ctx context.Context, id object.Hash) error {
	_, err := ta.changeTask(ctx, id, func(t *Task) (map[string][]byte, error) {
		if t.State != Queued || t.Begun > 0 {
			return nil, fmt.Errorf("task %s: %w", id.Short(), ErrClaimed)
		}
		t.State, t.Ended = Cancelled, ta.ID.Now()
		return map[string][]byte{taskInputs + id.String(): nil, cancelKeys + id.String(): nil, openKeys + id.String(): nil}, nil
	})
	return err
}

// Cancelled calls fn for each task that was cancelled and has not ended, ascending by id.
func (ta *Tasks) Cancelled(ctx context.Context, fn func(id object.Hash) error) error {
	return ta.DB.Scan(ctx, cancelKeys, kv.End(cancelKeys), func(key string, _ []byte) error {
		id, err := object.ParseHash(key[len(cancelKeys):])
		if err != nil {
			return err
		}
		return fn(id)
	})
}

// Get returns a task by its id. The error wraps store.ErrNotFound.
func (ta *Tasks) Get(ctx context.Context, id object.Hash) (t Task, err error) {
	raw, found, err := ta.DB.Get(ctx, taskKeys+id.String())
	if err == nil && !found {
		err = fmt.Errorf("task %s: %w", id.Short(), store.ErrNotFound)
	}
	if err != nil {
		return t, err
	}
	return t, json.Unmarshal(raw, &t)
}

// GetAll returns the tasks with these ids, without those that do not exist.
func (ta *Tasks) GetAll(ctx context.Context, ids []object.Hash) ([]Task, error) {
	keys := make([]string, len(ids))
	for i, id := range ids {
		keys[i] = taskKeys + id.String()
	}
	values, err := kv.GetMany(ctx, ta.DB, keys)
	if err != nil {
		return nil, err
	}
	found := make([]Task, 0, len(ids))
	for _, key := range keys {
		if raw, there := values[key]; there {
			var t Task
			if err := json.Unmarshal(raw, &t); err != nil {
				return nil, err
			}
			found = append(found, t)
		}
	}
	return found, nil
}

// Answer returns the packet that answers a task that is done.
func (ta *Tasks) Answer(ctx context.Context, id object.Hash) ([]byte, error) {
	return ta.taskBytes(ctx, taskOutput, id)
}

// Packet returns the packet of a task that has not ended.
func (ta *Tasks) Packet(ctx context.Context, id object.Hash) ([]byte, error) {
	return ta.taskBytes(ctx, taskInputs, id)
}

func (ta *Tasks) taskBytes(ctx context.Context, space string, id object.Hash) ([]byte, error) {
	raw, found, err := ta.DB.Get(ctx, space+id.String())
	if err == nil && !found {
		err = fmt.Errorf("task %s: %w", id.Short(), store.ErrNotFound)
	}
	return raw, err
}

// Each calls fn for each stored task, ascending by id.
func (ta *Tasks) Each(ctx context.Context, fn func(Task) error) error {
	return ta.DB.Scan(ctx, taskKeys, kv.End(taskKeys), func(_ string, raw []byte) error {
		var t Task
		if err := json.Unmarshal(raw, &t); err != nil {
			return err
		}
		return fn(t)
	})
}

// Over marks in put what can be removed: tasks that ended a day ago.
func (ta *Tasks) Over(ctx context.Context, put map[string][]byte) error {
	now := ta.ID.Now()
	return ta.Each(ctx, func(t Task) error {
		if t.Ended != 0 && t.Ended.Add(KeepTasks) < now {
			id := t.ID.String()
			put[taskKeys+id], put[taskOutput+id], put[cancelKeys+id] = nil, nil, nil
		}
		return nil
	})
}
