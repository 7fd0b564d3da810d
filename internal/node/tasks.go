package node

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/store"
)

// States of a submitted task.
const (
	TaskQueued  = "queued"
	TaskRunning = "running"
	TaskDone    = "done"   // its answer, which may say that it was halted, can be had
	TaskFailed  = "failed" // there is no answer

	TaskCancelled = "cancelled" // its answer says so
)

// ErrCancelled is why a task ended that was cancelled.
var ErrCancelled = errors.New("cancelled by who submitted it, or by who runs the server")

// Task is a submission that was accepted: its id is that of the packet.
type Task struct {
	ID        object.Hash `json:"task"`
	State     string      `json:"state"`           // queued, running, done, failed or cancelled
	Author    string      `json:"author"`          // public key, 64 hex digits
	Submitted object.Time `json:"submitted"`       // microseconds
	Ended     object.Time `json:"ended,omitempty"` // 0: not yet
	Error     string      `json:"error,omitempty"` // why it failed
}

// KeepTasks is how long a task that ended, and its answer, are kept.
const KeepTasks = 24 * time.Hour

const (
	taskKeys   = "w/task/"  // the Task as JSON
	taskInputs = "w/taskp/" // the packet, until the task ended
	taskOutput = "w/taska/" // the answer
	cancelKeys = "w/taskx/" // that it is to end
	seenKeys   = "w/seen/"  // when the nonce of a packet expires
	nonceKeys  = "w/nonce/" // when the nonce of a signed request does
)

// AddTask keeps a task that was accepted, with its packet. A task that is there
// already stays as it is.
func (n *Node) AddTask(ctx context.Context, t Task, packet []byte) error {
	return n.putTask(ctx, t, map[string][]byte{taskKeys + t.ID.String(): nil}, map[string][]byte{taskInputs + t.ID.String(): packet})
}

// StartTask notes that a task runs; one that was cancelled does not: ErrCancelled.
func (n *Node) StartTask(ctx context.Context, t Task) error {
	t.State = TaskRunning
	raw, err := json.Marshal(t)
	if err != nil {
		return err
	}
	ok, err := n.DB.Update(ctx, map[string][]byte{cancelKeys + t.ID.String(): nil}, map[string][]byte{taskKeys + t.ID.String(): raw})
	if err == nil && !ok {
		err = ErrCancelled
	}
	return err
}

// EndTask keeps how a task ended: done, failed or cancelled, with the answer if there is
// one, and why there is no result.
func (n *Node) EndTask(ctx context.Context, t Task, state string, answer []byte, why error) error {
	t.State, t.Ended = state, n.now()
	put := map[string][]byte{taskInputs + t.ID.String(): nil, cancelKeys + t.ID.String(): nil}
	if why != nil {
		t.Error = why.Error()
	}
	if answer != nil {
		put[taskOutput+t.ID.String()] = answer
	}
	return n.putTask(ctx, t, nil, put)
}

// CancelTask notes that a task is to end, and returns it as it is: the server that has it
// ends it within a second, or the next one before it begins. Nothing comes of it when the
// task has ended. The error wraps store.ErrNotFound.
func (n *Node) CancelTask(ctx context.Context, id object.Hash) (Task, error) {
	t, err := n.Task(ctx, id)
	if err == nil && t.Ended == 0 {
		_, err = n.DB.Update(ctx, nil, map[string][]byte{cancelKeys + id.String(): {1}})
	}
	return t, err
}

// Cancelled calls fn for each task that was cancelled and has not ended, ascending by id.
func (n *Node) Cancelled(ctx context.Context, fn func(id object.Hash) error) error {
	return n.DB.Scan(ctx, cancelKeys, cancelKeys+"\xff", func(key string, _ []byte) error {
		id, err := object.ParseHash(key[len(cancelKeys):])
		if err != nil {
			return err
		}
		return fn(id)
	})
}

func (n *Node) putTask(ctx context.Context, t Task, check, put map[string][]byte) error {
	raw, err := json.Marshal(t)
	if err != nil {
		return err
	}
	put[taskKeys+t.ID.String()] = raw
	_, err = n.DB.Update(ctx, check, put)
	return err
}

// Task is a task by its id. The error wraps store.ErrNotFound.
func (n *Node) Task(ctx context.Context, id object.Hash) (t Task, err error) {
	raw, found, err := n.DB.Get(ctx, taskKeys+id.String())
	if err == nil && !found {
		err = fmt.Errorf("task %s: %w", id.Short(), store.ErrNotFound)
	}
	if err != nil {
		return t, err
	}
	return t, json.Unmarshal(raw, &t)
}

// TaskAnswer is the packet that answers a task that is done.
func (n *Node) TaskAnswer(ctx context.Context, id object.Hash) ([]byte, error) {
	return n.taskBytes(ctx, taskOutput, id)
}

// TaskPacket is the packet of a task that has not ended.
func (n *Node) TaskPacket(ctx context.Context, id object.Hash) ([]byte, error) {
	return n.taskBytes(ctx, taskInputs, id)
}

func (n *Node) taskBytes(ctx context.Context, space string, id object.Hash) ([]byte, error) {
	raw, found, err := n.DB.Get(ctx, space+id.String())
	if err == nil && !found {
		err = fmt.Errorf("task %s: %w", id.Short(), store.ErrNotFound)
	}
	return raw, err
}

// Tasks calls fn for each task that is kept, ascending by id.
func (n *Node) Tasks(ctx context.Context, fn func(Task) error) error {
	return n.DB.Scan(ctx, taskKeys, taskKeys+"\xff", func(_ string, raw []byte) error {
		var t Task
		if err := json.Unmarshal(raw, &t); err != nil {
			return err
		}
		return fn(t)
	})
}

// Forget removes what is over: tasks that ended a day ago, the nonces of packets
// and requests that have expired and would be refused for that, and what was left with peers a month ago.
func (n *Node) Forget(ctx context.Context) error {
	put, now := map[string][]byte{}, n.now()
	err := n.Tasks(ctx, func(t Task) error {
		if t.Ended != 0 && t.Ended.Add(KeepTasks) < now {
			put[taskKeys+t.ID.String()], put[taskOutput+t.ID.String()], put[cancelKeys+t.ID.String()] = nil, nil, nil
		}
		return nil
	})
	if err != nil {
		return err
	}
	for _, space := range []string{seenKeys, nonceKeys} {
		err = n.DB.Scan(ctx, space, space+"\xff", func(key string, until []byte) error {
			if len(until) == 8 && object.Time(binary.BigEndian.Uint64(until)) < now {
				put[key] = nil
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	err = n.Sent(ctx, func(sent Sent) error {
		if sent.At.Add(KeepSent) < now {
			put[sentKeys+sent.Packet.String()] = nil
		}
		return nil
	})
	if err != nil {
		return err
	}
	if err := n.forgetBrought(ctx, put); err != nil {
		return err
	}
	const most = 10_000 // keys in one update
	for len(put) > 0 {
		some := map[string][]byte{}
		for key := range put {
			if len(some) == most {
				break
			}
			some[key] = nil
			delete(put, key)
		}
		if _, err := n.DB.Update(ctx, nil, some); err != nil {
			return err
		}
	}
	return nil
}
