package node

import (
	"context"
	"fmt"

	"github.com/mythos-project/mythos/exec"
	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/store"
)

func (n *Node) putObject(ctx context.Context, kind string, id object.Hash, raw []byte) error {
	return n.Store.PutObjects(ctx, store.Object{ID: id, Kind: kind, Raw: raw})
}

// load returns an object of the given kind.
func (n *Node) load(ctx context.Context, kind string, id object.Hash) ([]byte, error) {
	o, err := n.Store.Object(ctx, id)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", kind, err)
	}
	if o.Kind != kind {
		return nil, fmt.Errorf("%s is a %s, not a %s: %w", id.Short(), o.Kind, kind, ErrKind)
	}
	return o.Raw, nil
}

// runRoots keeps what recorded runs need to be replayed.
func (n *Node) runRoots(ctx context.Context, keep func(object.Hash)) error {
	err := n.Exec.Runs(ctx, func(r *exec.RunRecord) error {
		keep(r.BundleHash)
		keep(r.ResultHash)
		keep(r.TraceHash)
		keep(r.Effects)
		return nil
	})
	if err != nil {
		return fmt.Errorf("runs: %w", err)
	}
	return n.Tools.List(ctx, func(t exec.Tool) error {
		if t.Module.ModuleHash != nil {
			keep(*t.Module.ModuleHash)
		}
		return nil
	})
}
