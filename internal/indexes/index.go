// Package indexes keeps retrieval indexes over episodes, which effects change.
package indexes

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/mythos-project/mythos/dataset"
	"github.com/mythos-project/mythos/exec"
	"github.com/mythos-project/mythos/internal/calls"
	"github.com/mythos-project/mythos/internal/episodes"
	"github.com/mythos-project/mythos/internal/identity"
	"github.com/mythos-project/mythos/internal/recall"
	"github.com/mythos-project/mythos/model"
	"github.com/mythos-project/mythos/model/registry"
	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/store"
)

const (
	effectIndexUpdate   = "index.update"
	effectIndexRollback = "index.rollback"
)

// Indexes keeps retrieval indexes over episodes.
type Indexes struct {
	ID       *identity.Identity
	Store    *store.Store
	Gate     *exec.Gate
	Models   *registry.Registry
	Caller   *calls.Caller
	Episodes *episodes.Episodes
	Busy     time.Duration // how long to wait for another process that writes the file
}

// Register registers index.update and index.rollback.
func (i *Indexes) Register() {
	i.Gate.Builtin(effectIndexUpdate, exec.Builtin{
		Use: calls.ToolUse(effectIndexUpdate), RetrySafe: true, Writes: true,
		Run: calls.Job(func(ctx context.Context, _ exec.Call, u *model.IndexUpdate) (exec.Response, error) {
			return i.indexMoved(ctx, func() (*model.IndexState, error) { return i.moveIndex(ctx, u) })
		}),
	})
	i.Gate.Builtin(effectIndexRollback, exec.Builtin{
		Use: calls.ToolUse(effectIndexRollback), RetrySafe: true, Writes: true,
		Run: calls.Job(func(ctx context.Context, _ exec.Call, r *model.IndexRollback) (exec.Response, error) {
			return i.indexMoved(ctx, func() (*model.IndexState, error) { return i.Models.RollBackIndex(ctx, r.Name, r.State) })
		}),
	})
}

// indexMoved moves an index and brings its file up to date. The response is the
// canonical state.
func (i *Indexes) indexMoved(ctx context.Context, move func() (*model.IndexState, error)) (exec.Response, error) {
	s, err := move()
	if err != nil {
		return exec.Response{}, err
	}
	x, err := i.openIndex(ctx, s)
	if err != nil {
		return exec.Response{}, err
	}
	return calls.Outcome(s, x.Close(), s.StateID, s.Manifest)
}

// moveIndex works out what an update makes of an index. Episodes without a captured
// request cannot be searched for, and are left out.
func (i *Indexes) moveIndex(ctx context.Context, u *model.IndexUpdate) (*model.IndexState, error) {
	var ids []object.Hash
	lists := []object.Hash{u.Add}
	if u.After != nil && !u.Replace {
		before, err := i.Models.IndexState(ctx, *u.After)
		if err != nil {
			return nil, err
		}
		lists = append(lists, before.Manifest)
	}
	for _, root := range lists {
		if err := dataset.ReadList(ctx, i.Store.Nodes(ctx), root, func(id object.Hash) error {
			ids = append(ids, id)
			return nil
		}); err != nil {
			return nil, err
		}
	}
	ids = slices.DeleteFunc(ids, func(id object.Hash) bool {
		_, err := i.Episodes.Sample(ctx, id)
		return errors.Is(err, store.ErrNotFound)
	})
	ref, count, err := dataset.Snapshot(ctx, i.Store, dataset.MediaManifest, ids)
	if err != nil {
		return nil, err
	}
	return i.Models.MoveIndex(ctx, u.Name, u.After, ref.CID, count)
}

// openIndex opens the file of an index and brings it to a state.
func (i *Indexes) openIndex(ctx context.Context, s *model.IndexState) (*recall.Index, error) {
	dir := filepath.Join(i.ID.Dir, "index")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	x, err := recall.Open(ctx, filepath.Join(dir, s.Name+".db"), i.Busy)
	if err != nil {
		return nil, err
	}
	at, err := x.At(ctx)
	if err == nil && at != s.StateID.String() {
		err = i.syncIndex(ctx, x, s)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("index %s: %w", s.Name, err), x.Close())
	}
	return x, nil
}

func (i *Indexes) syncIndex(ctx context.Context, x *recall.Index, s *model.IndexState) error {
	var ids []string
	if err := dataset.ReadList(ctx, i.Store.Nodes(ctx), s.Manifest, func(id object.Hash) error {
		ids = append(ids, id.String())
		return nil
	}); err != nil {
		return err
	}
	return x.Sync(ctx, s.StateID.String(), ids, func(id string) (recall.Doc, error) {
		h, err := object.ParseHash(id)
		if err != nil {
			return recall.Doc{}, err
		}
		sample, err := i.Episodes.Sample(ctx, h)
		if err != nil {
			return recall.Doc{}, err
		}
		return recall.Doc{Request: sample.Request, Response: sample.Response}, nil
	})
}

// Update adds the episodes of a list to an index, or makes them all that it
// holds, as an effect.
func (i *Indexes) Update(ctx context.Context, name string, list object.Hash, replace bool) (*model.IndexState, *calls.Called, error) {
	u := model.IndexUpdate{Name: name, Add: list, Replace: replace}
	s, err := i.Models.Index(ctx, name)
	if err == nil {
		u.After = &s.StateID
	} else if !errors.Is(err, model.ErrNotFound) {
		return nil, nil, err
	}
	if err := u.Check(); err != nil {
		return nil, nil, err
	}
	return i.changeIndex(ctx, effectIndexUpdate, &u)
}

// RollBack takes an index's newest update back, as an effect.
func (i *Indexes) RollBack(ctx context.Context, name string) (*model.IndexState, *calls.Called, error) {
	s, err := i.Models.Index(ctx, name)
	if err != nil {
		return nil, nil, err
	}
	return i.changeIndex(ctx, effectIndexRollback, &model.IndexRollback{Name: name, State: s.StateID})
}

func (i *Indexes) changeIndex(ctx context.Context, effect string, request any) (*model.IndexState, *calls.Called, error) {
	called, err := i.Caller.DecideAsOwner(ctx, effect, request)
	if err != nil {
		return nil, called, err
	}
	s, _, err := model.OpenIndexState(called.Body)
	return s, called, err
}

// Recalled is an episode that a search of an index found.
type Recalled struct {
	Episode object.Hash             `json:"episode"`
	Score   int64                   `json:"score_micro"` // BM25 in millionths; higher is nearer
	Excerpt string                  `json:"excerpt"`
	Signals []episodes.SampleSignal `json:"signals"` // what is said about it now
}

// Searcher is an open index of this repository, at its newest state.
type Searcher struct {
	State *model.IndexState

	n *Indexes
	x *recall.Index
}

// Open opens an index for searches. Close it after use.
func (i *Indexes) Open(ctx context.Context, name string) (*Searcher, error) {
	s, err := i.Models.Index(ctx, name)
	if err != nil {
		return nil, err
	}
	x, err := i.openIndex(ctx, s)
	return &Searcher{s, i, x}, err
}

// Close closes the index.
func (s *Searcher) Close() error { return s.x.Close() }

// Search finds the episodes nearest to a text, the nearest first, at most limit.
func (s *Searcher) Search(ctx context.Context, text string, limit int) ([]Recalled, error) {
	hits, err := s.x.Search(ctx, text, limit)
	if err != nil {
		return nil, fmt.Errorf("index %s: %w", s.State.Name, err)
	}
	list := make([]Recalled, 0, len(hits))
	for _, h := range hits {
		id, err := object.ParseHash(h.ID)
		if err != nil {
			return nil, fmt.Errorf("index %s: %w", s.State.Name, err)
		}
		sample, err := s.n.Episodes.Sample(ctx, id)
		if err != nil {
			return nil, err
		}
		list = append(list, Recalled{id, h.Score, h.Excerpt, sample.Signals})
	}
	return list, nil
}

// IndexRoots keeps what indexes hold and could be rolled back to.
func (i *Indexes) IndexRoots(ctx context.Context, keep func(object.Hash)) error {
	reg := i.Models
	return reg.Indexes(ctx, func(s *model.IndexState) error {
		return reg.IndexLog(ctx, s.Name, func(s *model.IndexState) error {
			keep(s.Manifest)
			return nil
		})
	})
}
