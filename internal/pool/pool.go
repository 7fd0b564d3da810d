// Package pool has the tasks of a spawn run by the processes that take the tasks of a repository: `mythos serve` and
// `mythos worker` ([cap-114]). Each task of the spawn becomes a task of the repository, with a packet that the executor
// signs, and its answer is verified like a peer's.
package pool

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/mythos-project/mythos/caps"
	"github.com/mythos-project/mythos/exec"
	"github.com/mythos-project/mythos/internal/identity"
	"github.com/mythos-project/mythos/internal/packets"
	"github.com/mythos-project/mythos/internal/spawn"
	"github.com/mythos-project/mythos/internal/task"
	"github.com/mythos-project/mythos/internal/units"
	"github.com/mythos-project/mythos/ledger"
	"github.com/mythos-project/mythos/object"
)

// Pool is the pool `workers` of a repository.
type Pool struct {
	ID      *identity.Identity
	Tasks   *task.Tasks
	Packets *packets.Packets
}

const (
	maxTries = 1000                   // of a task that earlier attempts at the spawn have submitted
	soonest  = 10 * time.Millisecond  // between two looks at the tasks, at first
	latest   = 500 * time.Millisecond // and after a while
	lonely   = 5 * time.Second        // before a note says that nobody takes the tasks
)

// ErrTask means that a task of a spawn has no result.
var ErrTask = errors.New("a task of the spawn has no result")

// child is a task of the spawn, as a task of the repository.
type child struct {
	spawn.Task
	id    object.Hash // of the packet
	sent  bool        // it is stored, or may be
	ours  bool        // this attempt has submitted it
	begun bool        // it is not new to a server
	ended bool
	spawn.Result
}

// Run implements [spawn.Workers]. A task that an earlier attempt at the same spawn has submitted is waited for, or its
// answer is taken; one that failed then is tried again. The tasks are cancelled if ctx ends, or if one of them fails.
func (p *Pool) Run(ctx context.Context, tasks []spawn.Task, chains []caps.Chain, note io.Writer) ([]spawn.Result, error) {
	children := make([]*child, len(tasks))
	for i, t := range tasks {
		children[i] = &child{Task: t}
	}
	if err := p.run(ctx, children, chains, note); err != nil {
		begun, failed := p.cancel(context.WithoutCancel(ctx), children)
		if failed == nil && !begun {
			return nil, exec.NotStarted(err)
		}
		return nil, errors.Join(err, failed)
	}
	results := make([]spawn.Result, len(children))
	for i, c := range children {
		results[i] = c.Result
	}
	return results, nil
}

func (p *Pool) run(ctx context.Context, children []*child, chains []caps.Chain, note io.Writer) error {
	for _, c := range children {
		if err := p.submit(ctx, c, chains); err != nil {
			return err
		}
	}
	return p.wait(ctx, children, chains, note)
}

// submit stores a task, unless it is stored.
func (p *Pool) submit(ctx context.Context, c *child, chains []caps.Chain) error {
	raw, err := p.Packets.PackSpawned(&c.SpawnedTask, chains)
	if err != nil {
		return err
	}
	c.id, c.sent = object.Sum(raw), true
	c.ours, err = p.Tasks.Add(ctx, task.Task{ID: c.id, State: task.Queued, Author: p.ID.Self().KeyHex(), Submitted: p.ID.Now(), Spawn: &c.Spawn}, raw)
	return err
}

// wait waits until all tasks have a result, or one has ended without.
func (p *Pool) wait(ctx context.Context, children []*child, chains []caps.Chain, note io.Writer) error {
	begin := time.Now()
	timer := time.NewTimer(0)
	defer timer.Stop()
	for pause := soonest; ; pause = min(pause*3/2, latest) {
		open, err := p.look(ctx, children, chains)
		if err != nil || open == 0 {
			return err
		}
		if note != nil && time.Since(begin) > lonely {
			if !slices.ContainsFunc(children, func(c *child) bool { return c.begun || c.ended }) {
				_, _ = fmt.Fprintf(note, "no process has taken the %s of the spawn: `mythos serve` runs them, or `mythos worker`\n", units.Count(len(children), "task"))
			}
			note = nil
		}
		timer.Reset(pause)
		select {
		case <-timer.C:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// look takes the results of tasks that have ended since, and returns the number of those that have not.
func (p *Pool) look(ctx context.Context, children []*child, chains []caps.Chain) (open int, err error) {
	var ids []object.Hash
	of := map[object.Hash]*child{}
	for _, c := range children {
		if !c.ended {
			ids, of[c.id] = append(ids, c.id), c
		}
	}
	found, err := p.Tasks.GetAll(ctx, ids)
	if err != nil {
		return 0, err
	}
	for _, t := range found {
		c := of[t.ID]
		c.begun = c.begun || t.Begun > 0
		switch {
		case t.Ended == 0:
			open++
		case t.State == task.Done:
			if err := p.take(ctx, c); err != nil {
				return 0, err
			}
		case !c.ours && c.Try < maxTries:
			open++
			c.Try++
			if err := p.submit(ctx, c, chains); err != nil {
				return 0, err
			}
		default:
			return 0, fmt.Errorf("%w: task %d (%s) is %s: %s", ErrTask, c.Number, c.id.Short(), t.State, t.Error)
		}
		delete(of, t.ID)
	}
	for _, c := range of {
		return 0, fmt.Errorf("%w: task %d (%s) is no longer kept", ErrTask, c.Number, c.id.Short())
	}
	return open, nil
}

// take verifies the answer to a task, and takes the result from it.
func (p *Pool) take(ctx context.Context, c *child) error {
	raw, err := p.Tasks.Answer(ctx, c.id)
	if err != nil {
		return err
	}
	got, err := p.Packets.Open(ctx, raw)
	if err != nil {
		return fmt.Errorf("the answer to task %s: %w", c.id.Short(), err)
	}
	if err := p.Packets.CheckAnswer(got, packets.Asked{Packet: c.id, Bundle: c.BundleID, Task: c.SpawnedTask.Task}); err != nil {
		return fmt.Errorf("the answer to task %s: %w", c.id.Short(), err)
	}
	if !got.Author.Same(p.ID.Self()) {
		return fmt.Errorf("the answer to task %s is by %s, who does not work under the key of this executor", c.id.Short(), got.Author.Name())
	}
	a := got.Answer
	c.ended, c.Result = true, spawn.Result{Hash: a.ResultHash, Halted: a.Halted != nil}
	if a.CPUus != nil {
		c.CPUus = *a.CPUus
	}
	for _, raw := range a.Receipts {
		_, id, err := ledger.OpenReceipt(raw)
		if err != nil {
			return err
		}
		c.Receipts = append(c.Receipts, id)
	}
	return nil
}

// cancel ends the tasks that have not ended, and reports whether any has begun, or may have.
func (p *Pool) cancel(ctx context.Context, children []*child) (begun bool, err error) {
	for _, c := range children {
		if c.ended || c.begun || !c.ours {
			begun = begun || c.sent
		}
		if c.ended || !c.sent {
			continue
		}
		failed := p.Tasks.Withdraw(ctx, c.id)
		if errors.Is(failed, task.ErrClaimed) {
			begun = true
			_, failed = p.Tasks.Cancel(ctx, c.id)
		}
		err = errors.Join(err, failed)
	}
	return begun, err
}
