package datasetcmd

import (
	"context"
	"errors"

	"github.com/spf13/cobra"

	"github.com/mythos-project/mythos/dataset"
	"github.com/mythos-project/mythos/internal/cli/clierr"
	"github.com/mythos-project/mythos/internal/cli/cmdutil"
	"github.com/mythos-project/mythos/internal/repo"
	"github.com/mythos-project/mythos/object"
)

func newVerify(f *cmdutil.Factory) *cobra.Command {
	return &cobra.Command{
		Use: "verify MANIFEST|FILE", Short: "Build a dataset again and compare",
		Long: "Rebuilds the dataset from its definition and the evidence here, without keeping anything, and compares the\n" +
			"result with its DatasetRef. FILE is a DatasetRef that `dataset build -o` wrote. Exit code 5 if anything differs.",
		Example: "  mythos dataset verify @train", Args: cmdutil.Args(1, 1),
		RunE: func(c *cobra.Command, args []string) error { return runVerify(c.Context(), f, args[0]) },
	}
}

func runVerify(ctx context.Context, f *cmdutil.Factory, name string) error {
	b, err := openBuilt(ctx, f, name)
	if err != nil {
		return err
	}
	bar := f.IO.Count("dataset verify", 0)
	sel, err := dataset.VerifyWith(ctx, b.node.Source, b.def, b.ref, dataset.Options{Progress: bar})
	bar.Stop()
	if errors.Is(err, dataset.ErrMismatch) {
		return clierr.New(clierr.Invalid, "%w", err).On(name).With("mythos dataset show --explain " + name)
	}
	if err != nil {
		return err
	}
	return f.Emit(verified{true, b.ref.Manifest.CID, len(sel.IDs)}, func() { f.IO.Printf("ok\n") })
}

// opened is a dataset with its definition.
type opened struct {
	node *repo.Repo
	ref  *dataset.DatasetRef
	raw  []byte // canonical DatasetRef
	def  *dataset.DatasetDef
}

// openBuilt finds a dataset by its manifest, or by a file with a DatasetRef.
func openBuilt(ctx context.Context, f *cmdutil.Factory, name string) (*opened, error) {
	n, err := f.Repo(ctx)
	if err != nil {
		return nil, err
	}
	b := &opened{node: n}
	manifest, err := f.Resolve(ctx, name)
	if err == nil {
		b.ref, b.raw, err = n.Datasets.Ref(ctx, manifest)
	} else if data, fileErr := f.Read(name); fileErr == nil {
		b.raw = data
		b.ref, err = object.Decode[dataset.DatasetRef](data)
	}
	if err != nil {
		return nil, err
	}
	b.def, err = n.Datasets.Def(ctx, b.ref.DatasetDefID)
	return b, err
}
