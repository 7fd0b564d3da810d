package model

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/mythos-project/mythos/exec/ir"
	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/object/can"
	"github.com/mythos-project/mythos/store"
	"github.com/mythos-project/mythos/store/kv"
)

// The effects of retrieval indexes.
var (
	IndexUpdateTool   = ir.BuiltinTool("index.update")   // IndexUpdate → IndexState
	IndexRollbackTool = ir.BuiltinTool("index.rollback") // IndexRollback → IndexState
)

// IndexUpdate asks for episodes to be added to a retrieval index (ours,
// spec/learning.md#index): the request of the index.update effect.
type IndexUpdate struct {
	Name    string       `can:"1,name"`
	Add     object.Hash  `can:"2,add"`              // root of the list of episodes: a corpus or a manifest
	Replace bool         `can:"3,replace,omitzero"` // instead of what it holds
	After   *object.Hash `can:"4,after"`            // the state that it had when this was asked; absent: there was no such index
}

// IndexRollback asks for an index to be put back to what it was (ours): the request of
// the index.rollback effect.
type IndexRollback struct {
	Name  string      `can:"1,name"`
	State object.Hash `can:"2,state"` // the state that is undone: the index's own when this was asked
}

// IndexState says what a retrieval index holds (ours). The index itself is made from
// it, and from nothing else: it can be thrown away and built again.
type IndexState struct {
	StateID  object.Hash  `can:"1,state_id"`
	Name     string       `can:"2,name"`
	Sequence uint64       `can:"3,sequence"` // in the index's history, from 1
	Manifest object.Hash  `can:"4,manifest"` // root of the list of its episodes
	Count    uint64       `can:"5,count"`    // episodes
	Previous *object.Hash `can:"6,previous"` // the state before this one
	Restore  *object.Hash `can:"7,restore"`  // the state that a rollback goes back to; absent: there is none
	Action   uint8        `can:"8,action"`   // 1 updated, 2 rolled back
}

// IndexRule leaves a state's own id out of it.
var IndexRule = object.Rule{Mask: can.Mask{1: nil}, IDField: 1}

// Check checks the name [field-39].
func (u IndexUpdate) Check() error { return checkIndexName(u.Name) }

// Check checks the name.
func (u IndexRollback) Check() error { return checkIndexName(u.Name) }

// Check checks the name and the action.
func (s IndexState) Check() error {
	if s.Action != ActionPromote && s.Action != ActionRollback {
		return fmt.Errorf("action %d is not known (1 update, 2 rollback)", s.Action)
	}
	return checkIndexName(s.Name)
}

func checkIndexName(name string) error {
	if name == "" || len(name) > 64 || strings.Trim(name, "abcdefghijklmnopqrstuvwxyz0123456789_-") != "" {
		return fmt.Errorf("%q is no name of an index: 1 to 64 of a to z, 0 to 9, _ and -", name)
	}
	return nil
}

// OpenIndexState decodes canonical bytes and checks fields and id.
func OpenIndexState(raw []byte) (*IndexState, object.Hash, error) {
	s, id, err := object.Open[IndexState](raw, IndexRule)
	if err != nil {
		return nil, object.Hash{}, fmt.Errorf("index state: %w", err)
	}
	return s, id, nil
}

const indexPrefix = kv.Indexes

// Index returns the state of a retrieval index. The error wraps ErrNotFound when there
// is none of that name.
func (r *Registry) Index(ctx context.Context, name string) (*IndexState, error) {
	id, err := r.pointer(ctx, indexPrefix+name)
	if err == nil && id == nil {
		err = ErrNotFound
	}
	if err != nil {
		return nil, fmt.Errorf("index %q: %w", name, err)
	}
	return r.IndexState(ctx, *id)
}

// IndexState returns a state of an index's history.
func (r *Registry) IndexState(ctx context.Context, id object.Hash) (*IndexState, error) {
	return Load(ctx, r.Store, id, "IndexState", IndexRule, object.Open[IndexState])
}

// Indexes calls fn with the state of every index, ascending by name.
func (r *Registry) Indexes(ctx context.Context, fn func(*IndexState) error) error {
	var names []string
	err := r.KV.Scan(ctx, indexPrefix, kv.End(indexPrefix), func(key string, _ []byte) error {
		names = append(names, strings.TrimPrefix(key, indexPrefix))
		return nil
	})
	for i := 0; err == nil && i < len(names); i++ {
		var s *IndexState
		if s, err = r.Index(ctx, names[i]); err == nil {
			err = fn(s)
		}
	}
	return err
}

// IndexLog calls fn for every state of an index's history, the newest first. The chain
// of states must be whole.
func (r *Registry) IndexLog(ctx context.Context, name string, fn func(*IndexState) error) error {
	s, err := r.Index(ctx, name)
	for ; err == nil; s, err = r.IndexState(ctx, *s.Previous) {
		if err = fn(s); err != nil || s.Previous == nil {
			return err
		}
	}
	return err
}

// MoveIndex gives an index the next state, with this manifest of count episodes, if
// its state is still after; nil: if there is no index of that name. What was done
// already is not done again. The error wraps ErrConflict when somebody else was first.
func (r *Registry) MoveIndex(ctx context.Context, name string, after *object.Hash, manifest object.Hash, count uint64) (*IndexState, error) {
	now, err := indexMove{r}.indexAfter(ctx, name, after, ActionPromote)
	if err != nil || (now != nil && !sameHash(after, &now.StateID)) {
		return now, err
	}
	s := &IndexState{Name: name, Sequence: 1, Manifest: manifest, Count: count, Action: ActionPromote}
	if now != nil {
		s.Sequence, s.Previous, s.Restore = now.Sequence+1, after, after
	}
	return s, indexMove{r}.moveIndex(ctx, s)
}

// RollBackIndex gives an index the state that its newest update was made on. The error
// wraps ErrNoRollback or ErrConflict.
func (r *Registry) RollBackIndex(ctx context.Context, name string, undone object.Hash) (*IndexState, error) {
	now, err := indexMove{r}.indexAfter(ctx, name, &undone, ActionRollback)
	if err != nil || now.StateID != undone {
		return now, err
	}
	if now.Restore == nil {
		return nil, fmt.Errorf("index %q: %w: state %d is its first", name, ErrNoRollback, now.Sequence)
	}
	old, err := r.IndexState(ctx, *now.Restore)
	if err != nil {
		return nil, err
	}
	s := &IndexState{Name: name, Sequence: now.Sequence + 1, Manifest: old.Manifest, Count: old.Count, Previous: &undone, Restore: old.Restore, Action: ActionRollback}
	return s, indexMove{r}.moveIndex(ctx, s)
}

// indexMove is a change of what an index points to.
type indexMove struct{ *Registry }

// indexAfter is the state of an index (nil: none), which must be after, or what an
// action on after made of it.
func (m indexMove) indexAfter(ctx context.Context, name string, after *object.Hash, action uint8) (*IndexState, error) {
	now, err := m.Index(ctx, name)
	switch {
	case errors.Is(err, ErrNotFound) && after == nil:
		return nil, nil
	case err != nil:
		return nil, err
	case sameHash(after, &now.StateID), sameHash(after, now.Previous) && now.Action == action:
		return now, nil
	}
	return nil, fmt.Errorf("index %q: %w: its state is %s, expected was %s", name, ErrConflict, now.StateID.Short(), shortOr(after, "none"))
}

// moveIndex stores a state and points the index to it, if it still has the one before.
func (m indexMove) moveIndex(ctx context.Context, s *IndexState) error {
	id, raw, err := seal(IndexRule, s, &s.StateID)
	if err != nil {
		return err
	}
	if err := m.Store.PutObjects(ctx, store.Object{ID: id, Kind: "IndexState", Raw: raw}); err != nil {
		return err
	}
	key := indexPrefix + s.Name
	ok, err := m.KV.Update(ctx, map[string][]byte{key: pointTo(s.Previous)}, map[string][]byte{key: pointTo(&id)})
	if err == nil && !ok {
		err = fmt.Errorf("index %q: %w", s.Name, ErrConflict)
	}
	return err
}
