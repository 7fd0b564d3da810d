package datasetcmd

import (
	"context"
	"io"

	"github.com/spf13/cobra"

	"github.com/mythos-project/mythos/dataset"
	"github.com/mythos-project/mythos/internal/atomicfile"
	"github.com/mythos-project/mythos/internal/cli/clierr"
	"github.com/mythos-project/mythos/internal/cli/cmdutil"
	"github.com/mythos-project/mythos/object"
)

// NewDataset is `mythos dataset`.
func NewDataset(f *cmdutil.Factory) *cobra.Command {
	return f.Returns(cmdutil.Noun("dataset", "Datasets that rebuild byte for byte", newBuild(f), newIDs(f), newVerify(f), newShow(f), newLs(f), newDiff(f), newExport(f)), datasetResults)
}

func newBuild(f *cmdutil.Factory) *cobra.Command {
	var out, name string
	c := &cobra.Command{
		Use: "build DEF [-o FILE] [--ref NAME]", Short: "Build a dataset from its definition; prints the manifest's cid",
		Long:    "DEF is YAML, JSON or a canonical DatasetDef. The build is an effect with a receipt. -o writes the DatasetRef.",
		Example: "  echo 'corpus: [\"@corpus/all\"]' | mythos dataset build -", Args: cmdutil.Args(1, 1),
		RunE: func(c *cobra.Command, args []string) error { return runBuild(c.Context(), f, args[0], out, name) },
	}
	c.Flags().StringVarP(&out, "output", "o", "", "write the canonical DatasetRef to this file")
	c.Flags().StringVar(&name, "ref", "", "also point this ref to the manifest")
	return c
}

func runBuild(ctx context.Context, f *cmdutil.Factory, def, out, name string) error {
	data, err := f.Read(def)
	if err != nil {
		return err
	}
	n, err := f.Node(ctx)
	if err != nil {
		return err
	}
	b, err := n.BuildDataset(ctx, data)
	if err != nil {
		return err
	}
	for _, w := range b.Warnings {
		f.IO.Notef("warning: %s", w)
	}
	f.IO.Notef("%d of %d episodes (%d matched)", b.Ref.Count, b.Seen, b.Kept)
	if out != "" {
		if err := atomicfile.Write(out, 0o644, b.Raw); err != nil {
			return err
		}
	}
	if name != "" {
		if err := n.Store.SetRef(ctx, name, b.Ref.Manifest.CID, nil); err != nil {
			return err
		}
	}
	return f.Emit(built{b.Ref.Manifest.CID, b.Ref.Count, b.Seen, b.Kept, b.Ref.DatasetDefID, b.Ref.BuildReceiptID}, func() { f.IO.Printf("%s\n", b.Ref.Manifest.CID) })
}

func newIDs(f *cmdutil.Factory) *cobra.Command {
	return &cobra.Command{
		Use: "ids MANIFEST", Short: "Print the selected episode ids, one a line, ascending", Example: "  mythos dataset ids @train", Args: cmdutil.Args(1, 1),
		RunE: func(c *cobra.Command, args []string) error {
			root, err := f.Resolve(c.Context(), args[0])
			if err != nil {
				return err
			}
			n, err := f.Node(c.Context())
			if err != nil {
				return err
			}
			return dataset.ReadList(c.Context(), n.Store.Nodes(c.Context()), root, func(id object.Hash) error {
				f.IO.Printf("%s\n", id)
				return nil
			})
		},
	}
}

// refOf finds the DatasetRef of a manifest.
func refOf(ctx context.Context, f *cmdutil.Factory, name string) (*dataset.DatasetRef, []byte, error) {
	manifest, err := f.Resolve(ctx, name)
	if err != nil {
		return nil, nil, err
	}
	n, err := f.Node(ctx)
	if err != nil {
		return nil, nil, err
	}
	return n.DatasetRef(ctx, manifest)
}

func newVerify(f *cmdutil.Factory) *cobra.Command {
	return &cobra.Command{
		Use: "verify MANIFEST", Short: "Build a dataset again and compare", Example: "  mythos dataset verify @train", Args: cmdutil.Args(1, 1),
		RunE: func(c *cobra.Command, args []string) error {
			ref, _, err := refOf(c.Context(), f, args[0])
			if err != nil {
				return err
			}
			n, err := f.Node(c.Context())
			if err != nil {
				return err
			}
			def, err := n.DatasetDef(c.Context(), ref.DatasetDefID)
			if err != nil {
				return err
			}
			sel, err := dataset.Select(c.Context(), n.Source(), def)
			if err != nil {
				return err
			}
			if err := n.SameManifest(sel.IDs, ref); err != nil {
				return clierr.New(clierr.Invalid, "%w", err).On(args[0])
			}
			return f.Emit(cmdutil.OK{OK: true}, func() { f.IO.Printf("ok\n") })
		},
	}
}

func newShow(f *cmdutil.Factory) *cobra.Command {
	var explain bool
	c := &cobra.Command{
		Use: "show MANIFEST [--explain]", Short: "Print how a dataset came about", Example: "  mythos dataset show @train", Args: cmdutil.Args(1, 1),
		RunE: func(c *cobra.Command, args []string) error {
			ref, raw, err := refOf(c.Context(), f, args[0])
			if err != nil {
				return err
			}
			if !explain {
				return f.EmitObject("DatasetRef", raw)
			}
			n, err := f.Node(c.Context())
			if err != nil {
				return err
			}
			_, def, err := n.FindObject(c.Context(), ref.DatasetDefID)
			if err != nil {
				return err
			}
			return f.EmitObject("DatasetDef", def)
		},
	}
	c.Flags().BoolVar(&explain, "explain", false, "print the canonical definition instead")
	return c
}

func newLs(f *cmdutil.Factory) *cobra.Command {
	return &cobra.Command{
		Use: "ls", Short: "List the manifests that are here", Example: "  mythos dataset ls", Args: cmdutil.Args(0, 0),
		RunE: func(c *cobra.Command, _ []string) error { return lists(c.Context(), f, dataset.MediaManifest) },
	}
}

func newDiff(f *cmdutil.Factory) *cobra.Command {
	return &cobra.Command{
		Use: "diff A B", Short: "Say which episodes came (+) and went (-)", Example: "  mythos dataset diff @train @train2", Args: cmdutil.Args(2, 2),
		RunE: func(c *cobra.Command, args []string) error {
			n, err := f.Node(c.Context())
			if err != nil {
				return err
			}
			var sets [2]map[object.Hash]bool
			var order []object.Hash
			for i, name := range args {
				ids, err := episodesOf(c.Context(), f, n, name)
				if err != nil {
					return err
				}
				sets[i] = map[object.Hash]bool{}
				for _, id := range ids {
					sets[i][id] = true
					order = append(order, id)
				}
			}
			return printDiff(f, sets, order)
		},
	}
}

func printDiff(f *cmdutil.Factory, sets [2]map[object.Hash]bool, order []object.Hash) error {
	for _, id := range order {
		mark := ""
		switch {
		case sets[0][id] && !sets[1][id]:
			mark = "-"
		case sets[1][id] && !sets[0][id]:
			mark = "+"
		default:
			continue
		}
		if err := f.Emit(diffLine{mark, id}, func() { f.IO.Printf("%s %s\n", mark, id) }); err != nil {
			return err
		}
	}
	return nil
}

func newExport(f *cmdutil.Factory) *cobra.Command {
	var out string
	c := &cobra.Command{
		Use: "export MANIFEST [-o FILE]", Short: "Write the episodes as JSON lines", Example: "  mythos dataset export @train -o train.jsonl", Args: cmdutil.Args(1, 1),
		RunE: func(c *cobra.Command, args []string) error {
			root, err := f.Resolve(c.Context(), args[0])
			if err != nil {
				return err
			}
			n, err := f.Node(c.Context())
			if err != nil {
				return err
			}
			write := func(w io.Writer) error { return n.ExportJSONL(c.Context(), root, w) }
			if out == "" || out == "-" {
				return write(f.IO.Out)
			}
			return atomicfile.WriteFrom(out, 0o644, write)
		},
	}
	c.Flags().StringVarP(&out, "output", "o", "", "the file; standard output by default")
	return c
}
