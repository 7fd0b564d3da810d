package refcmd

import (
	"context"
	"strings"

	"github.com/spf13/cobra"

	"github.com/mythos-project/mythos/internal/cli/cmdutil"
	"github.com/mythos-project/mythos/internal/lookup"
	"github.com/mythos-project/mythos/internal/ui"
	"github.com/mythos-project/mythos/object"
)

// Outputs of the commands.
var results = cmdutil.Results{"ls": cmdutil.JSONLines(lookup.Named{}), "set": cmdutil.Document(lookup.Named{}), "rm": cmdutil.Nothing()}

// New is `mythos ref`.
func New(f *cmdutil.Factory) *cobra.Command {
	return f.Returns(cmdutil.Noun("ref", "Names for objects, written @NAME", newRefLs(f), newRefSet(f), newRefRm(f)), results)
}

func newRefLs(f *cmdutil.Factory) *cobra.Command {
	return &cobra.Command{
		Use: "ls [PREFIX]", Short: "List the refs, what they point to, and its kind", Example: "  mythos ref ls pushed/", Args: cmdutil.Args(0, 1),
		RunE: func(c *cobra.Command, args []string) error {
			n, err := f.Repo(c.Context())
			if err != nil {
				return err
			}
			var rows [][]ui.Cell
			err = n.Find.Refs(c.Context(), strings.TrimPrefix(strings.Join(args, ""), "@"), func(r lookup.Named) error {
				return f.Emit(r, func() {
					rows = append(rows, []ui.Cell{{Text: f.IO.Hashes("@" + r.Ref), Meaning: ui.Name}, {Text: f.IO.Hash(r.Target.String())}, {Text: orGone(r.Kind)}})
				})
			})
			if err == nil && !f.JSON {
				f.IO.Table([]string{"ref", "target", "kind"}, rows)
			}
			return err
		},
	}
}

func orGone(kind string) string {
	if kind == "" {
		return "not here"
	}
	return kind
}

func newRefSet(f *cmdutil.Factory) *cobra.Command {
	var expect string
	c := &cobra.Command{
		Use: "set REF OBJECT [--expect OBJECT|none]", Short: "Point a ref to an object that is here",
		Long: "With --expect, the ref moves only from that object; with none, it must not exist yet. If two callers do this at\n" +
			"once, one gets exit code 6.",
		Example: "  mythos blob put README.md\n" +
			"  mythos ref set docs/readme $(mythos hash README.md | cut -c1-64)",
		Args: cmdutil.Args(2, 2),
		RunE: func(c *cobra.Command, args []string) error {
			return runRefSet(c.Context(), f, args[0], args[1], expect)
		},
	}
	c.Flags().StringVar(&expect, "expect", "", "what the ref must point to now; none: the ref must not exist")
	return c
}

func runRefSet(ctx context.Context, f *cmdutil.Factory, name, what, expect string) error {
	n, err := f.Repo(ctx)
	if err != nil {
		return err
	}
	h, err := f.Resolve(ctx, what)
	if err != nil {
		return err
	}
	kind, _, err := n.Find.Object(ctx, h)
	if err != nil {
		return err
	}
	old, err := expected(ctx, f, expect)
	if err != nil {
		return err
	}
	name = strings.TrimPrefix(name, "@")
	if err := n.Find.PointRef(ctx, name, h, old); err != nil {
		return err
	}
	return f.Emit(lookup.Named{Ref: name, Target: h, Kind: kind}, func() {})
}

// expected is the required target of a ref; nil: any.
func expected(ctx context.Context, f *cmdutil.Factory, text string) (*object.Hash, error) {
	switch text {
	case "":
		return nil, nil
	case "none":
		return &object.Hash{}, nil
	}
	h, err := f.Resolve(ctx, text)
	return &h, err
}

func newRefRm(f *cmdutil.Factory) *cobra.Command {
	return &cobra.Command{
		Use: "rm REF...", Short: "Remove refs; what they point to stays", Example: "  mythos ref rm docs/readme", Args: cmdutil.Args(1, -1),
		RunE: func(c *cobra.Command, args []string) error {
			n, err := f.Repo(c.Context())
			if err != nil {
				return err
			}
			for _, name := range args {
				if err := n.Find.RemoveRef(c.Context(), strings.TrimPrefix(name, "@"), nil); err != nil {
					return err
				}
			}
			return nil
		},
	}
}
