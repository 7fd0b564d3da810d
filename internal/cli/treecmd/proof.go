package treecmd

import (
	"context"
	"os"

	"github.com/spf13/cobra"

	"github.com/mythos-project/mythos/internal/cli/clierr"
	"github.com/mythos-project/mythos/internal/cli/cmdutil"
	"github.com/mythos-project/mythos/internal/ui"
	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/object/can"
	"github.com/mythos-project/mythos/object/merkle"
	"github.com/mythos-project/mythos/object/tree"
)

func newProve(f *cmdutil.Factory) *cobra.Command {
	var out string
	c := &cobra.Command{
		Use:     "prove TREE:PATH [-o FILE]",
		Short:   "Write the proof that a file, a folder or a link is in a tree",
		Example: "  mythos tree prove TREE:docs/a.txt -o a.proof",
		Args:    cmdutil.Args(1, 1),
		RunE:    func(c *cobra.Command, args []string) error { return runProve(c.Context(), f, args[0], out) },
	}
	c.Flags().StringVarP(&out, "output", "o", "", "write to this file")
	return c
}

func runProve(ctx context.Context, f *cmdutil.Factory, where, out string) error {
	n, p, _, err := find(ctx, f, where)
	if err != nil {
		return err
	}
	proof, err := tree.Prove(n.Store.Nodes(ctx), p.Tree, p.Path)
	if err != nil {
		return explain(where, err)
	}
	raw, err := can.Marshal(proof)
	if err != nil {
		return err
	}
	return f.Write(out, raw)
}

type verifyOptions struct {
	Root  string
	Path  string
	Proof string
	File  string
}

func newVerify(f *cmdutil.Factory) *cobra.Command {
	o := &verifyOptions{}
	c := &cobra.Command{
		Use:     "verify --root TREE --path PATH --proof FILE [CONTENT]",
		Short:   "Check a proof against a tree's id, and a file against the proof; needs no repository",
		Example: "  mythos tree verify --root TREE --path docs/a.txt --proof a.proof a.txt",
		Args:    cmdutil.Args(0, 1),
		RunE: func(_ *cobra.Command, args []string) error {
			if len(args) > 0 {
				o.File = args[0]
			}
			return runVerify(f, o)
		},
	}
	c.Flags().StringVar(&o.Root, "root", "", "the tree's id (required)")
	c.Flags().StringVar(&o.Path, "path", "", "the path in the tree (required)")
	c.Flags().StringVar(&o.Proof, "proof", "", "file with the canonical TreeProof (required)")
	return c
}

func runVerify(f *cmdutil.Factory, o *verifyOptions) error {
	if o.Root == "" || o.Path == "" || o.Proof == "" {
		return clierr.Usagef("--root, --path and --proof are required")
	}
	root, err := object.ParseHash(o.Root)
	if err != nil {
		return clierr.Usagef("--root: %w", err)
	}
	proof, err := f.Read(o.Proof)
	if err != nil {
		return err
	}
	e, err := tree.Verify(root, []byte(o.Path), proof)
	if err != nil {
		return clierr.New(clierr.Invalid, "%s of tree %s: %w", cmdutil.FileName(o.Path), root.Short(), err).On(root.String())
	}
	if o.File != "" {
		if err := verifyContent(e, o.File); err != nil {
			return err
		}
	}
	path := []byte(o.Path)
	return f.Emit(lineOf(path, e), func() { f.IO.Table(header, [][]ui.Cell{cells(f.IO, path, e)}) })
}

// verifyContent checks that a file has the entry's bytes.
func verifyContent(e tree.Entry, name string) error {
	if e.Kind != tree.File {
		return clierr.Usagef("the proof is of a %s, which has no bytes of its own", kindOf(e))
	}
	file, err := os.Open(name)
	if err != nil {
		return cmdutil.FileError(name, err)
	}
	defer file.Close()
	got, err := merkle.HashBlob(file, merkle.DefaultChunkSize)
	if err != nil {
		return cmdutil.FileError(name, err)
	}
	if got.CID != *e.Content || got.Size != e.Size {
		return clierr.New(clierr.Invalid, "%s: %w: its cid is %s, the tree says %s", cmdutil.FileName(name), merkle.ErrProof, got.CID.Short(), e.Content.Short()).On(name)
	}
	return nil
}
