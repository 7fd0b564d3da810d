// Package treecmd has the commands for trees: folders under one id.
package treecmd

import (
	"context"
	"strings"

	"github.com/spf13/cobra"

	"github.com/mythos-project/mythos/internal/cli/clierr"
	"github.com/mythos-project/mythos/internal/cli/cmdutil"
	"github.com/mythos-project/mythos/internal/repo"
	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/object/tree"
)

// New is `mythos tree`.
func New(f *cmdutil.Factory) *cobra.Command {
	return f.Returns(cmdutil.Noun("tree", "Keep folders under one id: the same on every machine, provable file by file",
		newPut(f), newGet(f), newLs(f), newDiff(f), newProve(f), newVerify(f)), results)
}

// place is the target of TREE[:PATH].
type place struct {
	Tree object.Hash
	Path []byte
}

// find reads TREE[:PATH] and finds its target.
func find(ctx context.Context, f *cmdutil.Factory, text string) (*repo.Repo, place, tree.Entry, error) {
	n, err := f.Repo(ctx)
	if err != nil {
		return nil, place{}, tree.Entry{}, err
	}
	name, path, _ := strings.Cut(text, ":")
	id, err := f.Resolve(ctx, name)
	if err != nil {
		return nil, place{}, tree.Entry{}, err
	}
	p := place{id, []byte(path)}
	if raw, err := n.Store.Nodes(ctx).Node(id); err != nil || !tree.Is(raw) {
		return nil, p, tree.Entry{}, clierr.New(clierr.NotFound, "no tree %s is here", id.Short()).On(id.String()).With("mythos show " + id.Short())
	}
	e, err := tree.Lookup(n.Store.Nodes(ctx), id, p.Path)
	if err != nil {
		err = clierr.New(codeOf(err), "%s of tree %s: %w", cmdutil.FileName(path), id.Short(), err).On(id.String())
	}
	return n, p, e, err
}
