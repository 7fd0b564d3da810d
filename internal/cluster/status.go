// Package cluster reports the state of a repository that many machines share: who works on it, what waits, and what is
// stuck.
package cluster

import (
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/mythos-project/mythos/internal/repo"
	"github.com/mythos-project/mythos/internal/task"
	"github.com/mythos-project/mythos/internal/worker"
	"github.com/mythos-project/mythos/object"
)

// ErrOneFolder means that a repository is in its own folder, where only one machine works on it.
var ErrOneFolder = errors.New("the repository is in its folder, and not in PostgreSQL")

// Status is the state of the repository, by the database's clock.
type Status struct {
	Database Database  `json:"database"`
	Bucket   Bucket    `json:"bucket"`
	Members  []Member  `json:"members"`
	Workers  int       `json:"workers"` // alive
	Slots    int       `json:"slots"`   // tasks that the members can run at the same time
	Tasks    TaskQueue `json:"tasks"`
	Stuck    []Stuck   `json:"stuck"`
	Log      Log       `json:"log"`
}

// Database is the server behind the repository.
type Database struct {
	Version  string    `json:"version"`
	Bytes    int64     `json:"bytes"` // of the repository's tables and indexes
	Standbys []Standby `json:"standbys"`
}

// Standby is a replica that follows the database.
type Standby struct {
	Name string  `json:"name"`
	Sync string  `json:"sync"` // sync, quorum, potential or async
	Lag  float64 `json:"lag_seconds"`
}

// Bucket is the object store behind the repository.
type Bucket struct {
	Reachable bool   `json:"reachable"`
	Why       string `json:"why,omitempty"` // why it cannot be used
}

// Member is a process that works on the repository for others.
type Member struct {
	ID      string  `json:"id"`
	Kind    string  `json:"kind"`  // serve, worker or mcp
	Agent   string  `json:"agent"` // that it works as
	Host    string  `json:"host"`
	Alive   bool    `json:"alive"` // it showed a sign of life within the last 20 seconds
	Slots   int     `json:"slots"`
	Running int     `json:"running"`
	Since   float64 `json:"since_seconds"`
	Seen    float64 `json:"seen_seconds"` // ago
}

// TaskQueue counts the tasks that have not ended.
type TaskQueue struct {
	Waiting int     `json:"waiting"`
	Running int     `json:"running"`
	Oldest  float64 `json:"oldest_seconds"` // how long the longest-waiting one has waited
}

// Stuck is a task that no live process has, or that nobody can run.
type Stuck struct {
	Task   object.Hash `json:"task"`
	State  string      `json:"state"` // queued or running
	Server string      `json:"server"`
	Age    float64     `json:"age_seconds"`
	Why    string      `json:"why"`
}

// Log is the end of the log, where all processes meet. An entry has its number as soon as it is recorded.
type Log struct {
	Entries uint64  `json:"entries"`
	Queuing int     `json:"queuing"`         // processes waiting for their turn
	Longest float64 `json:"longest_seconds"` // the longest that one of these has waited
}

// Of asks the database for the state.
func Of(ctx context.Context, n *repo.Repo) (*Status, error) {
	if n.Tasks.Engine.Shared == nil {
		return nil, ErrOneFolder
	}
	v, err := n.Tasks.Engine.Shared.Vitals(ctx)
	if err != nil {
		return nil, err
	}
	s := &Status{Database: Database{Version: v.Server, Bytes: v.Bytes, Standbys: []Standby{}}, Members: []Member{}, Stuck: []Stuck{}, Log: Log{Queuing: v.Queuing, Longest: v.Longest.Seconds()}}
	for _, b := range v.Standbys {
		s.Database.Standbys = append(s.Database.Standbys, Standby{b.Name, b.Sync, b.Lag.Seconds()})
	}
	alive, takers := map[string]bool{}, map[string]bool{}
	for _, m := range v.Members {
		s.Members = append(s.Members, Member{m.ID, m.Kind, m.Agent, m.Host, m.Alive, m.Slots, m.Running, m.Since.Seconds(), m.Seen.Seconds()})
		if alive[m.ID] = m.Alive; m.Alive {
			s.Slots += m.Slots
			takers[m.Agent] = takers[m.Agent] || m.Slots > 0
			if m.Kind == worker.KindWorker {
				s.Workers++
			}
		}
	}
	why := n.Tasks.Engine.Shared.Bucket(ctx)
	if s.Bucket.Reachable = why == nil; why != nil {
		s.Bucket.Why = why.Error()
	}
	if s.Log.Entries, err = n.Ledger.Size(ctx); err != nil {
		return nil, err
	}
	return s, s.tasks(ctx, n, alive, takers)
}

// tasks counts the tasks that have not ended. alive are the members' ids, takers the agents that run tasks.
func (s *Status) tasks(ctx context.Context, n *repo.Repo, alive, takers map[string]bool) error {
	var ids []object.Hash
	err := n.Tasks.Open(ctx, func(id object.Hash, _ string) error { ids = append(ids, id); return nil })
	if err != nil {
		return err
	}
	now := n.Now()
	for part := range slices.Chunk(ids, 1000) {
		found, err := n.Tasks.GetAll(ctx, part)
		if err != nil {
			return err
		}
		for _, t := range found {
			age := now.Std().Sub(t.Submitted.Std()).Seconds()
			switch t.State {
			case task.Queued:
				s.Tasks.Waiting++
				s.Tasks.Oldest = max(s.Tasks.Oldest, age)
			case task.Running:
				s.Tasks.Running++
			default:
				continue // it has ended meanwhile
			}
			if why := s.why(t, alive, takers); why != "" {
				s.Stuck = append(s.Stuck, Stuck{t.ID, t.State, t.Server, age, why})
			}
		}
	}
	slices.SortFunc(s.Stuck, func(a, b Stuck) int { return strings.Compare(a.Task.String(), b.Task.String()) })
	return nil
}

// why returns why a task is stuck; empty: it is not.
func (s *Status) why(t task.Task, alive, takers map[string]bool) string {
	switch {
	case t.Server != "" && alive[t.Server]:
		return ""
	case s.Slots == 0:
		return "nobody runs tasks: start `mythos worker`"
	case t.Spawn != nil && !takers[t.Author]:
		return "only who works as agent " + t.Author[:8] + " runs the tasks of its spawns, and nobody does: start `mythos worker` under that key"
	case t.Server != "":
		return "its server is gone; another one takes it over in a moment"
	}
	return ""
}
