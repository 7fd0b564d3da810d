package treecmd

import (
	"context"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/mythos-project/mythos/internal/cli/clierr"
	"github.com/mythos-project/mythos/internal/cli/cmdutil"
	"github.com/mythos-project/mythos/internal/trees"
	"github.com/mythos-project/mythos/object/tree"
)

type getOptions struct {
	Place string
	Out   string
	Tar   bool
}

func newGet(f *cmdutil.Factory) *cobra.Command {
	o := &getOptions{}
	c := &cobra.Command{
		Use:   "get TREE [PATH] -o DEST",
		Short: "Write a tree, or the folder or file at a path in it, to a folder, a file or a tar archive",
		Long: "Every byte is verified. A folder is made whole or not at all; DEST must not exist, or be an empty folder.\n" +
			"Nothing leaves DEST, whatever the tree holds: links are made last and not followed. With --tar, or if DEST ends\n" +
			"in .tar, the output is an archive with the same bytes every time.",
		Example: "  mythos tree get TREE -o restored\n  mythos tree get TREE docs/a.txt -o -\n  mythos tree get TREE --tar -o - | tar -t",
		Args:    cmdutil.Args(1, 2),
		RunE: func(c *cobra.Command, args []string) error {
			o.Place = strings.Join(args, ":")
			return runGet(c.Context(), f, o)
		},
	}
	c.Flags().StringVarP(&o.Out, "output", "o", "", "the folder, file or archive to write; - is standard output (required)")
	c.Flags().BoolVar(&o.Tar, "tar", false, "write a tar archive")
	return c
}

func runGet(ctx context.Context, f *cmdutil.Factory, o *getOptions) error {
	if o.Out == "" {
		return clierr.Usagef("-o DEST is required")
	}
	n, p, e, err := find(ctx, f, o.Place)
	if err != nil {
		return err
	}
	bar := f.IO.Bytes("get", int64(e.Size))
	defer bar.Stop()
	switch {
	case e.Kind == tree.Link:
		return clierr.Usagef("%s of tree %s is a link to %q: links are not followed", cmdutil.FileName(string(p.Path)), p.Tree.Short(), e.Target)
	case e.Kind == tree.File:
		return f.WriteWith(o.Out, func(w io.Writer) error { return explain(o.Place, trees.Copy(ctx, n.Store, e, w)) })
	case o.Tar || strings.HasSuffix(o.Out, ".tar"):
		return f.WriteWith(o.Out, func(w io.Writer) error {
			return explain(o.Place, trees.WriteTar(ctx, n.Store, *e.Content, w, bar.Add))
		})
	case o.Out == "-":
		return clierr.Usagef("a folder cannot be written to standard output").With("write an archive: --tar -o -")
	}
	return explain(o.Out, trees.Unpack(ctx, n.Store, *e.Content, o.Out, bar.Add))
}
