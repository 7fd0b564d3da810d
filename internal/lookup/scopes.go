package lookup

import (
	"context"

	"github.com/mythos-project/mythos/caps/scope"
	"github.com/mythos-project/mythos/object"
)

// Scope parses a scope from the command line, resolving names here.
func (f *Finder) Scope(ctx context.Context, text string) (scope.CapScope, error) {
	return scope.Parse(text, func(kind, name string) (object.Hash, error) { return f.Named(ctx, kind, name) })
}

// Named finds what a scope names: a tool by its own name, a pool and a cell by the hash of "pool:" or "cell:" and the
// name, anything else as Resolve does.
func (f *Finder) Named(ctx context.Context, kind, name string) (object.Hash, error) {
	switch kind {
	case "tool":
		return f.Toolbox.ID(ctx, name)
	case "pool", "cell":
		return object.SumText(kind + ":" + name), nil
	}
	return f.Resolve(ctx, name)
}
