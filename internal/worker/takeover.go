package worker

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"math/rand/v2"
	"slices"

	"github.com/mythos-project/mythos/internal/task"
	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/store"
)

const (
	// maxLeft is how many tasks a process leaves to others at a time.
	maxLeft = 10_000
	// maxBegun is how often a task is started whose servers end.
	maxBegun = 3
)

// takeOver takes tasks that nobody has, and those that servers which are gone have left, oldest first, as far as there
// is room, and returns their number. Without slots, it instead finds out which of the tasks that were left to others
// have ended.
func (q *Queue) takeOver(ctx context.Context) (taken int, err error) {
	mine := q.known()
	alive := map[string]bool{q.me.ID: true, "": false}
	var left []object.Hash
	open := map[object.Hash]bool{}
	err = q.Repo.Tasks.Open(ctx, func(id object.Hash, server string) error {
		open[id] = true
		lives, known := alive[server]
		if !known {
			var err error
			if lives, err = q.Repo.Tasks.InstanceAlive(server); err != nil {
				return err
			}
			alive[server] = lives
		}
		if !lives && q.EndOf(id) == nil {
			left = append(left, id)
		}
		return nil
	})
	if err != nil {
		return 0, err
	}
	if q.Slots == 0 {
		q.dropEnded(mine, open)
		return 0, nil
	}
	found, err := q.Repo.Tasks.GetAll(ctx, left)
	found = slices.DeleteFunc(found, func(t task.Task) bool { return t.Spawn != nil && t.Author != q.Repo.Self().KeyHex() })
	for _, t := range q.some(found) {
		q.takeUp(ctx, t)
	}
	return len(found), err
}

// known returns the tasks that wait or run here, or were left to others.
func (q *Queue) known() []*job {
	q.mu.Lock()
	defer q.mu.Unlock()
	return slices.Collect(maps.Values(q.jobs))
}

// dropEnded forgets those of some tasks that others have ended.
func (q *Queue) dropEnded(mine []*job, open map[object.Hash]bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, j := range mine {
		if !open[j.ID] && !j.ending && q.jobs[j.ID] == j {
			q.drop(j)
		}
	}
}

// cancelled ends a task that is to end: one that is here, or one that waits and nobody has.
func (q *Queue) cancelled(ctx context.Context, id object.Hash) error {
	if q.EndOf(id) == nil {
		t, err := q.Repo.Tasks.Get(ctx, id)
		if errors.Is(err, store.ErrNotFound) {
			return nil
		}
		if err != nil {
			return err
		}
		if t.State == task.Queued && t.Server == "" {
			err = q.Add(t)
		}
		if err != nil && !errors.Is(err, ErrFull) { // otherwise there is another time
			return err
		}
	}
	q.Cancel(id)
	return nil
}

// some returns the tasks to take over now. A queue in a server takes what it can, oldest first. A worker leaves others
// their share: it takes what it can run soon, at random among the oldest, since others choose at the same time.
func (q *Queue) some(found []task.Task) []task.Task {
	slices.SortStableFunc(found, func(a, b task.Task) int { return cmp.Compare(a.Submitted, b.Submitted) })
	if q.Kind != KindWorker {
		return found
	}
	q.mu.Lock()
	room := max(2*q.Slots-q.running-len(q.waiting), 0)
	q.mu.Unlock()
	oldest := found[:min(len(found), 8*q.Slots)]
	rand.Shuffle(len(oldest), func(i, j int) { oldest[i], oldest[j] = oldest[j], oldest[i] })
	return oldest[:min(len(oldest), room)]
}

// takeUp continues a task that was left.
func (q *Queue) takeUp(ctx context.Context, t task.Task) {
	var err error
	switch {
	case t.Ended != 0: // since
	case t.State == task.Running:
		q.Log.Warn("a server ended while a task ran", "task", t.ID.Short())
		if why := q.unrepeatable(ctx, t); why != nil {
			err = q.Repo.Tasks.End(ctx, t.ID, t.Server, task.Failed, nil, ended(why))
			break
		}
		if t, err = q.Repo.Tasks.Requeue(ctx, t.ID, t.Server); err == nil {
			err = q.Add(t)
		}
	default:
		err = q.Add(t)
	}
	if err != nil && !errors.Is(err, ErrFull) && !errors.Is(err, task.ErrClaimed) { // otherwise there is another time, or another server
		q.Log.Error("task of another server", "task", t.ID.Short(), "error", err)
	}
}

// unrepeatable says why a task that had begun must not be started again; nil: it may be.
func (q *Queue) unrepeatable(ctx context.Context, t task.Task) error {
	if t.Begun >= maxBegun {
		return errDeadly
	}
	raw, err := q.Repo.Tasks.Packet(ctx, t.ID)
	if err != nil {
		return errors.Join(errEnded, err)
	}
	got, err := q.Repo.Packets.Open(ctx, raw)
	if err != nil {
		return errors.Join(errEnded, err)
	}
	ran, err := q.Repo.Packets.Prepare(ctx, got)
	if err != nil {
		return errors.Join(errEnded, err)
	}
	if !ran.Repeatable() {
		return errEnded
	}
	return nil
}
