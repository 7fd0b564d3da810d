package registry

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/mythos-project/mythos/model"
	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/store"
	"github.com/mythos-project/mythos/store/kv"
)

const indexPrefix = kv.Indexes

// Index returns the state of a retrieval index. The error wraps ErrNotFound when there
// is none of that name.
func (r *Registry) Index(ctx context.Context, name string) (*model.IndexState, error) {
	id, err := r.pointer(ctx, indexPrefix+name)
	if err == nil && id == nil {
		err = model.ErrNotFound
	}
	if err != nil {
		return nil, fmt.Errorf("index %q: %w", name, err)
	}
	return r.IndexState(ctx, *id)
}

// IndexState returns a state of an index's history.
func (r *Registry) IndexState(ctx context.Context, id object.Hash) (*model.IndexState, error) {
	return model.Load(ctx, r.Store, id, "IndexState", model.IndexRule, object.Open[model.IndexState])
}

// Indexes calls fn with the state of every index, ascending by name.
func (r *Registry) Indexes(ctx context.Context, fn func(*model.IndexState) error) error {
	var names []string
	err := r.KV.Scan(ctx, indexPrefix, kv.End(indexPrefix), func(key string, _ []byte) error {
		names = append(names, strings.TrimPrefix(key, indexPrefix))
		return nil
	})
	for i := 0; err == nil && i < len(names); i++ {
		var s *model.IndexState
		if s, err = r.Index(ctx, names[i]); err == nil {
			err = fn(s)
		}
	}
	return err
}

// IndexLog calls fn for every state of an index's history, the newest first. The chain of states must be complete.
func (r *Registry) IndexLog(ctx context.Context, name string, fn func(*model.IndexState) error) error {
	s, err := r.Index(ctx, name)
	for ; err == nil; s, err = r.IndexState(ctx, *s.Previous) {
		if err = fn(s); err != nil || s.Previous == nil {
			return err
		}
	}
	return err
}

// MoveIndex gives an index the next state, with this content, if its state is still after; nil: if there is no index
// with that name. A repeated request changes nothing. The error wraps ErrConflict if somebody else was first.
func (r *Registry) MoveIndex(ctx context.Context, name string, after *object.Hash, c model.IndexContent) (*model.IndexState, error) {
	now, err := indexMove{r}.indexAfter(ctx, name, after, model.ActionPromote)
	if err != nil || (now != nil && !sameHash(after, &now.StateID)) {
		return now, err
	}
	s := model.IndexState{Name: name, Sequence: 1, Manifest: c.Manifest, Count: c.Count, Vectors: c.Vectors, Action: model.ActionPromote}
	if now != nil {
		s.Sequence, s.Previous, s.Restore = now.Sequence+1, after, after
	}
	return indexMove{r}.moveIndex(ctx, s)
}

// RollBackIndex restores the state before an index's newest update. The error wraps ErrNoRollback or ErrConflict.
func (r *Registry) RollBackIndex(ctx context.Context, name string, undone object.Hash) (*model.IndexState, error) {
	now, err := indexMove{r}.indexAfter(ctx, name, &undone, model.ActionRollback)
	if err != nil || now.StateID != undone {
		return now, err
	}
	if now.Restore == nil {
		return nil, fmt.Errorf("index %q: %w: state %d is its first", name, model.ErrNoRollback, now.Sequence)
	}
	old, err := r.IndexState(ctx, *now.Restore)
	if err != nil {
		return nil, err
	}
	s := model.IndexState{Name: name, Sequence: now.Sequence + 1, Manifest: old.Manifest, Count: old.Count, Vectors: old.Vectors, Previous: &undone, Restore: old.Restore, Action: model.ActionRollback}
	return indexMove{r}.moveIndex(ctx, s)
}

// indexMove is a change of an index's pointer.
type indexMove struct{ *Registry }

// indexAfter is the state of an index (nil: none), which must be after, or the result of an action on after.
func (m indexMove) indexAfter(ctx context.Context, name string, after *object.Hash, action uint8) (*model.IndexState, error) {
	now, err := m.Index(ctx, name)
	switch {
	case errors.Is(err, model.ErrNotFound) && after == nil:
		return nil, nil
	case err != nil:
		return nil, err
	case sameHash(after, &now.StateID), sameHash(after, now.Previous) && now.Action == action:
		return now, nil
	}
	return nil, fmt.Errorf("index %q: %w: its state is %s, expected was %s", name, model.ErrConflict, now.StateID.Short(), shortOr(after, "none"))
}

// moveIndex stores a state and points the index to it, if the index still points to the previous one.
func (m indexMove) moveIndex(ctx context.Context, state model.IndexState) (*model.IndexState, error) {
	s, raw, err := model.NewIndexState(state)
	if err != nil {
		return nil, err
	}
	if err := m.Store.PutObjects(ctx, store.Object{ID: s.StateID, Kind: "IndexState", Raw: raw}); err != nil {
		return nil, err
	}
	key := indexPrefix + s.Name
	ok, err := m.KV.Update(ctx, map[string][]byte{key: pointTo(s.Previous)}, map[string][]byte{key: pointTo(&s.StateID)})
	if err == nil && !ok {
		err = fmt.Errorf("index %q: %w", s.Name, model.ErrConflict)
	}
	return s, err
}
