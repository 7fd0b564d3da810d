// Package datasetcmd holds the commands over evidence and datasets: episode,
// signal, score, corpus, dataset.
package datasetcmd

import (
	"context"
	"strings"

	"github.com/spf13/cobra"

	"github.com/mythos-project/mythos/dataset"
	"github.com/mythos-project/mythos/internal/cli/cmdutil"
	"github.com/mythos-project/mythos/internal/cli/runcmd"
	"github.com/mythos-project/mythos/internal/lookup"
	"github.com/mythos-project/mythos/internal/ui"
	"github.com/mythos-project/mythos/object"
)

// NewDataset is `mythos dataset`.
func NewDataset(f *cmdutil.Factory) *cobra.Command {
	return f.Returns(cmdutil.Noun("dataset", "Datasets that rebuild byte for byte", newBuild(f), newIDs(f), newVerify(f), newShow(f), newLs(f), newDiff(f), newExport(f)), datasetResults)
}

type buildOptions struct {
	Def  string
	Out  string
	Ref  string
	Caps []string
}

func newBuild(f *cmdutil.Factory) *cobra.Command {
	o := &buildOptions{}
	c := &cobra.Command{
		Use: "build DEF [-o FILE] [--ref NAME] [--cap CAP]...", Short: "Build a dataset from its definition; prints the manifest's cid",
		Long: "DEF is YAML, JSON or a canonical DatasetDef. -o writes the DatasetRef. The build is the effect\n" +
			"mythos.dataset.build: it leaves a receipt and needs a capability; the owner of the repository has it, unless the\n" +
			"setting require_cap is on.",
		Example: "  echo 'corpus: [\"@corpus/all\"]' | mythos dataset build -", Args: cmdutil.Args(1, 1),
		RunE: func(c *cobra.Command, args []string) error {
			o.Def = args[0]
			return runBuild(c.Context(), f, o)
		},
	}
	c.Flags().StringVarP(&o.Out, "output", "o", "", "write the canonical DatasetRef to this file")
	c.Flags().StringVar(&o.Ref, "ref", "", "also point this ref to the dataset: its manifest, definition and receipt")
	c.Flags().StringArrayVar(&o.Caps, "cap", nil, "the capability to use; may be repeated")
	return c
}

func runBuild(ctx context.Context, f *cmdutil.Factory, o *buildOptions) error {
	data, err := f.Read(o.Def)
	if err != nil {
		return err
	}
	n, err := f.Repo(ctx)
	if err != nil {
		return err
	}
	given, err := f.Chains(ctx, o.Caps)
	if err != nil {
		return err
	}
	bar := f.IO.Count("dataset build", 0)
	b, err := n.Datasets.Build(ctx, data, given, bar)
	bar.Stop()
	if err != nil {
		return runcmd.Refusal(n, err, "mythos.dataset.build")
	}
	for _, w := range b.Warnings {
		f.IO.Notef("warning: %s", w)
	}
	f.IO.Notef("%d of %d episodes (%d matched)", b.Ref.Count, b.Seen, b.Kept)
	if def, err := n.Datasets.Def(ctx, b.Ref.DatasetDefID); err == nil { // it was built of it
		f.Lineage(n).Built(ctx, def, &b.Ref)
	}
	if o.Out != "" {
		if err := f.Write(o.Out, b.Raw); err != nil {
			return err
		}
	}
	if o.Ref != "" {
		if err := n.Find.PointRef(ctx, o.Ref, b.ID, nil); err != nil {
			return err
		}
	}
	return f.Emit(built{b.Ref.Manifest.CID, b.Ref.Count, b.Seen, b.Kept, b.Ref.DatasetDefID, b.Ref.BuildReceiptID}, func() { f.IO.Printf("%s\n", b.Ref.Manifest.CID) })
}

func newIDs(f *cmdutil.Factory) *cobra.Command {
	return &cobra.Command{
		Use: "ids MANIFEST", Short: "Print the selected episode ids, one per line, ascending", Example: "  mythos dataset ids @train", Args: cmdutil.Args(1, 1),
		RunE: func(c *cobra.Command, args []string) error {
			n, err := f.Repo(c.Context())
			if err != nil {
				return err
			}
			root, err := n.Datasets.List(c.Context(), args[0])
			if err != nil {
				return err
			}
			return dataset.ReadList(c.Context(), n.Store.Nodes(c.Context()), root, func(id object.Hash) error {
				return f.Emit(idLine{id}, func() { f.IO.Printf("%s\n", id) })
			})
		},
	}
}

func newLs(f *cmdutil.Factory) *cobra.Command {
	return &cobra.Command{
		Use: "ls", Short: "List the manifests here", Example: "  mythos dataset ls", Args: cmdutil.Args(0, 0),
		RunE: func(c *cobra.Command, _ []string) error { return runLs(c.Context(), f) },
	}
}

// runLs lists refs to datasets. The media type cannot identify a dataset, because a manifest that selects a whole
// corpus is the same list.
func runLs(ctx context.Context, f *cmdutil.Factory) error {
	n, err := f.Repo(ctx)
	if err != nil {
		return err
	}
	l := &listing{f: f, n: n, header: []string{"manifest", "episodes", "refs"}}
	defer l.end()
	names, err := l.names(ctx)
	if err != nil {
		return err
	}
	return n.Store.Refs(ctx, func(name string, _ object.Hash) error {
		text, ok := strings.CutPrefix(name, lookup.DatasetRefs)
		manifest, err := object.ParseHash(text)
		if !ok || err != nil {
			return nil //nolint:nilerr // a ref of another kind
		}
		return f.Emit(listLine{manifest}, func() {
			l.add(manifest, func() []ui.Cell {
				return []ui.Cell{{Text: l.length(ctx, manifest)}, {Text: names[manifest], Meaning: ui.Name}}
			})
		})
	})
}
