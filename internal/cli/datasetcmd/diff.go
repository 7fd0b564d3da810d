package datasetcmd

import (
	"context"
	"errors"

	"github.com/spf13/cobra"

	"github.com/mythos-project/mythos/dataset"
	"github.com/mythos-project/mythos/internal/cli/cmdutil"
	"github.com/mythos-project/mythos/internal/repo"
	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/store"
)

func newDiff(f *cmdutil.Factory) *cobra.Command {
	return &cobra.Command{
		Use: "diff A B", Short: "Show which episodes were added (+) and removed (-), and why",
		Long: "Each line names an episode that only one of the two datasets has, and why the other does not have it: it is in\n" +
			"no corpus, a clause of the predicate fails, or it is not in the sample.",
		Example: "  mythos dataset diff @train @train2", Args: cmdutil.Args(2, 2),
		RunE: func(c *cobra.Command, args []string) error { return runDiff(c.Context(), f, args) },
	}
}

func runDiff(ctx context.Context, f *cmdutil.Factory, names []string) error {
	n, err := f.Repo(ctx)
	if err != nil {
		return err
	}
	var ids, roots [2]object.Hash
	for i, name := range names {
		if ids[i], err = f.Resolve(ctx, name); err != nil {
			return err
		}
		if roots[i], err = n.Datasets.Manifest(ctx, ids[i]); err != nil {
			return err
		}
	}
	var changes []dataset.Change
	stats, err := dataset.Diff(ctx, n.Store.Nodes(ctx), roots[0], roots[1], func(c dataset.Change) error {
		changes = append(changes, c)
		return nil
	})
	if err != nil {
		return err
	}
	why, err := reasons(ctx, f, n, ids, changes)
	if err != nil {
		return err
	}
	for _, c := range changes {
		mark := "-"
		if c.Added {
			mark = "+"
		}
		err := f.Emit(diffLine{mark, c.ID, why[c.ID]}, func() { f.IO.Printf("%s %s  %s\n", mark, c.ID, why[c.ID]) })
		if err != nil {
			return err
		}
	}
	f.IO.Notef("%d in both, %d added, %d removed", stats.Same, stats.Added, stats.Removed)
	return nil
}

// reasons returns for each change why the other dataset lacks the episode.
func reasons(ctx context.Context, f *cmdutil.Factory, n *repo.Repo, roots [2]object.Hash, changes []dataset.Change) (map[object.Hash]string, error) {
	why := map[object.Hash]string{}
	for side, root := range roots {
		var ids []object.Hash
		for _, c := range changes {
			if c.Added == (side == 0) { // an added episode is missing in the first
				ids = append(ids, c.ID)
			}
		}
		if len(ids) == 0 {
			continue
		}
		def, err := definitionOf(ctx, n, root)
		if errors.Is(err, store.ErrNotFound) {
			f.IO.Notef("no definition of %s is here: the reasons are unknown", root.Short())
			continue
		}
		if err != nil {
			return nil, err
		}
		list, err := dataset.Reasons(ctx, n.Source, def, ids)
		if err != nil {
			return nil, err
		}
		for i, id := range ids {
			why[id] = list[i].String(false)
		}
	}
	return why, nil
}

func definitionOf(ctx context.Context, n *repo.Repo, manifest object.Hash) (*dataset.DatasetDef, error) {
	ref, _, err := n.Datasets.Ref(ctx, manifest)
	if err != nil {
		return nil, err
	}
	return n.Datasets.Def(ctx, ref.DatasetDefID)
}
