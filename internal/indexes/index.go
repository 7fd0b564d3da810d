// Package indexes manages retrieval indexes over episodes, which are changed by effects.
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
	"github.com/mythos-project/mythos/internal/embedding"
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

// Indexes manages retrieval indexes over episodes.
type Indexes struct {
	ID       *identity.Identity
	Store    *store.Store
	Gate     *exec.Gate
	Models   *registry.Registry
	Caller   *calls.Caller
	Episodes *episodes.Episodes
	Embeds   *embedding.Embeddings
	Busy     time.Duration // how long to wait for another process that is writing the file
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

// indexMoved changes an index and updates its file. The response is the canonical state.
func (i *Indexes) indexMoved(ctx context.Context, move func() (*model.IndexState, error)) (exec.Response, error) {
	s, err := move()
	if err != nil {
		return exec.Response{}, err
	}
	x, err := i.openIndex(ctx, s)
	if err != nil {
		return exec.Response{}, err
	}
	if err := x.Close(); err != nil || s.Vectors == nil {
		return calls.Outcome(s, err, s.StateID, s.Manifest)
	}
	v, err := i.openVectors(ctx, s)
	if err != nil {
		return exec.Response{}, err
	}
	return calls.Outcome(s, v.Close(), s.StateID, s.Manifest, s.Vectors.Receipts)
}

// moveIndex computes the result of an update of an index.
func (i *Indexes) moveIndex(ctx context.Context, u *model.IndexUpdate) (*model.IndexState, error) {
	ids, before, err := i.content(ctx, u)
	if err != nil {
		return nil, err
	}
	ref, count, err := dataset.Snapshot(ctx, i.Store, dataset.MediaManifest, ids)
	if err != nil {
		return nil, err
	}
	c := model.IndexContent{Manifest: ref.CID, Count: count}
	if u.Embedder != nil {
		if c.Vectors, err = i.vectors(ctx, *u.Embedder, ids, before); err != nil {
			return nil, err
		}
	}
	return i.Models.MoveIndex(ctx, u.Name, u.After, c)
}

// content returns the episodes of an index after an update, ascending, and the state before it; nil: there is none.
// Episodes without a captured request cannot be found by a search, and are left out.
func (i *Indexes) content(ctx context.Context, u *model.IndexUpdate) (ids []object.Hash, before *model.IndexState, err error) {
	lists := []object.Hash{u.Add}
	if u.After != nil {
		if before, err = i.Models.IndexState(ctx, *u.After); err != nil {
			return nil, nil, err
		}
		if !u.Replace {
			lists = append(lists, before.Manifest)
		}
	}
	for _, root := range lists {
		list, err := i.list(ctx, root)
		if err != nil {
			return nil, nil, err
		}
		ids = append(ids, list...)
	}
	slices.SortFunc(ids, object.Hash.Compare)
	ids = slices.DeleteFunc(slices.Compact(ids), func(id object.Hash) bool {
		_, err := i.Episodes.Sample(ctx, id)
		return errors.Is(err, store.ErrNotFound)
	})
	return ids, before, nil
}

// list returns the hashes of a stored list.
func (i *Indexes) list(ctx context.Context, root object.Hash) (ids []object.Hash, err error) {
	err = dataset.ReadList(ctx, i.Store.Nodes(ctx), root, func(id object.Hash) error {
		ids = append(ids, id)
		return nil
	})
	return ids, err
}

// openIndex opens the file of an index and updates it to a state.
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
	list, err := i.list(ctx, s.Manifest)
	if err != nil {
		return err
	}
	ids := make([]string, len(list))
	for n, id := range list {
		ids[n] = id.String()
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

// Change is an update of an index.
type Change struct {
	Add      object.Hash     // list of episodes
	Replace  bool            // hold these alone
	Embedder *model.Embedder // of the episodes' vectors; nil: unchanged
	Bare     bool            // without vectors, whatever it had before
}

// Update changes the contents of an index, as an effect. Texts without an embedding are embedded first, each as an
// effect of its own; embedding is told how many there are, and done is called for each one.
func (i *Indexes) Update(ctx context.Context, name string, c Change, embedding func(n int) (done func())) (*model.IndexState, *calls.Called, error) {
	u := model.IndexUpdate{Name: name, Add: c.Add, Replace: c.Replace, Embedder: c.Embedder}
	s, err := i.Models.Index(ctx, name)
	if err == nil {
		u.After = &s.StateID
		if s.Vectors != nil && u.Embedder == nil && !c.Bare {
			u.Embedder = &s.Vectors.Embedder
		}
	} else if !errors.Is(err, model.ErrNotFound) {
		return nil, nil, err
	}
	if err := u.Check(); err != nil {
		return nil, nil, err
	}
	if u.Embedder != nil {
		if err := i.embed(ctx, &u, embedding); err != nil {
			return nil, nil, fmt.Errorf("index %s: %w", name, err)
		}
	}
	return i.changeIndex(ctx, effectIndexUpdate, &u)
}

// RollBack undoes the newest update of an index, as an effect.
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

// IndexRoots passes to keep what indexes hold and can be rolled back to.
func (i *Indexes) IndexRoots(ctx context.Context, keep func(object.Hash)) error {
	reg := i.Models
	return reg.Indexes(ctx, func(s *model.IndexState) error {
		return reg.IndexLog(ctx, s.Name, func(s *model.IndexState) error {
			keep(s.Manifest)
			if s.Vectors != nil {
				keep(s.Vectors.Receipts)
			}
			return nil
		})
	})
}
