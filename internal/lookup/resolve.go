// Package lookup finds what people name: a hash, a prefix of one, a ref, a name.
package lookup

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/mythos-project/mythos/exec"
	"github.com/mythos-project/mythos/exec/run"
	"github.com/mythos-project/mythos/internal/history"
	"github.com/mythos-project/mythos/internal/identity"
	"github.com/mythos-project/mythos/internal/peers"
	"github.com/mythos-project/mythos/internal/toolbox"
	"github.com/mythos-project/mythos/ledger"
	"github.com/mythos-project/mythos/ledger/kvledger"
	"github.com/mythos-project/mythos/model/registry"
	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/store"
)

// Finder finds what people name: by a hash, a prefix of one, a ref or a name.
type Finder struct {
	ID      *identity.Identity
	Store   *store.Store
	Ledger  *kvledger.Ledger
	Exec    *run.Executor
	Models  *registry.Registry
	Tools   *exec.Tools
	Toolbox *toolbox.Toolbox
	History *history.History
	Peers   *peers.Peers
	Debugf  func(string, ...any)
}

// Resolve finds what text names: a whole hash, a unique prefix of 6 or more hex
// digits, or a ref (@name); @ringN is the model now in ring N. A prefix is looked up
// among objects, blobs, nodes, receipts and runs.
func (f *Finder) Resolve(ctx context.Context, text string) (object.Hash, error) {
	if h, err := object.ParseHash(text); err == nil {
		return h, nil
	}
	if name, ok := strings.CutPrefix(text, "@"); ok {
		if ring, ok := RingOf(name); ok { // the ring itself is authoritative: a ref may lag behind after a crash
			if state, err := f.Models.State(ctx, ring); err == nil {
				return state.ModelID, nil
			}
		}
		return f.Store.Ref(ctx, name)
	}
	h, err := f.Store.Resolve(ctx, text)
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return h, err
	}
	prefix := strings.ToLower(strings.TrimPrefix(text, "sha256:"))
	if len(prefix) < store.MinPrefix {
		return h, err
	}
	found, ferr := f.recorded(ctx, prefix)
	if ferr != nil {
		return object.Hash{}, ferr
	}
	if err == nil {
		found = append(found, h)
	}
	return One(prefix, found, err)
}

// recorded lists the receipts and runs whose ids begin with prefix.
func (f *Finder) recorded(ctx context.Context, prefix string) ([]object.Hash, error) {
	found, err := f.Ledger.FindReceipts(ctx, prefix, store.MaxCandidates)
	if err != nil {
		return nil, err
	}
	return found, f.Exec.RunsFrom(ctx, prefix, func(r *run.Record) error {
		found = append(found, r.RunID)
		return nil
	})
}

// One returns the only hash in found; notFound is the error if there is none.
func One(prefix string, found []object.Hash, notFound error) (object.Hash, error) {
	slices.SortFunc(found, object.Hash.Compare)
	found = slices.Compact(found)
	switch len(found) {
	case 0:
		return object.Hash{}, notFound
	case 1:
		return found[0], nil
	}
	return object.Hash{}, &store.AmbiguousError{Prefix: prefix, Candidates: found[:min(len(found), store.MaxCandidates)]}
}

// Effect finds the effect that text names: a whole id or a unique prefix of 6 or more hex digits. The error wraps
// ledger.ErrNotFound if there is none.
func (f *Finder) Effect(ctx context.Context, text string) (object.Hash, error) {
	if h, err := object.ParseHash(text); err == nil {
		return h, nil
	}
	missing := fmt.Errorf("effect %s: %w", text, ledger.ErrNotFound)
	if len(text) < store.MinPrefix {
		return object.Hash{}, missing
	}
	found, err := f.Ledger.FindEffects(ctx, strings.ToLower(text), store.MaxCandidates)
	if err != nil {
		return object.Hash{}, err
	}
	return One(text, found, missing)
}
