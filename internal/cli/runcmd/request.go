package runcmd

import (
	"context"
	"os"
	"strings"

	"github.com/mythos-project/mythos/exec"
	"github.com/mythos-project/mythos/internal/cli/clierr"
	"github.com/mythos-project/mythos/internal/cli/cmdutil"
	"github.com/mythos-project/mythos/internal/repo"
	"github.com/mythos-project/mythos/object/tree"
)

// request is the value of --in: the bytes of a file or of standard input; for a tool that takes a tree also the tree
// itself, as TREE[:PATH].
func request(ctx context.Context, f *cmdutil.Factory, n *repo.Repo, t exec.Tool, in string) ([]byte, error) {
	if !t.Module.TakesTree {
		if in == "" {
			return nil, nil
		}
		return f.Read(in)
	}
	if in == "" {
		return nil, clierr.Usagef("tool %s takes a tree: --in TREE", t.Name).With("mythos tree put DIR prints the id of one")
	}
	if st, err := os.Stat(in); err == nil && st.IsDir() {
		return nil, clierr.Usagef("tool %s takes a tree, and %s is a folder", t.Name, in).With("put it first: --in $(mythos tree put " + cmdutil.FileName(in) + ")")
	} else if in == "-" || err == nil {
		return f.Read(in)
	}
	name, path, _ := strings.Cut(in, ":")
	id, err := f.Resolve(ctx, name)
	if err != nil {
		return nil, err
	}
	e, err := tree.Lookup(n.Store.Nodes(ctx), id, []byte(path))
	if err != nil {
		return nil, clierr.New(clierr.NotFound, "%s: %w", in, err).On(id.String()).With("mythos tree put DIR prints the id of a tree")
	}
	if e.Kind != tree.Folder {
		return nil, clierr.Usagef("%s is not a folder: the tool takes a whole one", in)
	}
	return tree.Line(*e.Content), nil
}
