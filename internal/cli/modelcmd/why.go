package modelcmd

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/mythos-project/mythos/internal/cli/clierr"
	"github.com/mythos-project/mythos/internal/cli/cmdutil"
	"github.com/mythos-project/mythos/model"
)

// NewWhy is `mythos why`.
func NewWhy(f *cmdutil.Factory) *cobra.Command {
	var dot bool
	var width int
	c := &cobra.Command{
		Use: "why OBJECT", Short: "Walk from a ring, model, dataset, episode or receipt down to the capabilities, verifying every link",
		Long:    "Prints the tree of what an object rests on; --json and --dot give it to programs and to Graphviz. Exit code 5 when a\nlink does not hold; the first one is named.",
		Example: "  mythos why @ring0\n  mythos why @ring0 --dot | dot -Tsvg > why.svg", Args: cmdutil.Args(1, 1),
		RunE: func(c *cobra.Command, args []string) error { return runWhy(c.Context(), f, args[0], dot, width) },
	}
	c.Flags().BoolVar(&dot, "dot", false, "as a Graphviz graph")
	c.Flags().IntVar(&width, "width", 3, "how many children of one kind are shown")
	return f.Returns(c, whyResults)
}

func runWhy(ctx context.Context, f *cmdutil.Factory, name string, dot bool, width int) error {
	n, err := f.Node(ctx)
	if err != nil {
		return err
	}
	var start model.Start
	var ring uint8
	if _, err := fmt.Sscanf(name, "@ring%d", &ring); err == nil && name == fmt.Sprintf("@ring%d", ring) {
		start.Ring = &ring
	} else if start.ID, err = f.Resolve(ctx, name); err != nil {
		return err
	}
	tree, err := n.Why(ctx, start, width)
	if err != nil {
		return err
	}
	switch {
	case dot:
		f.IO.Printf("%s", tree.DOT())
	case f.JSON:
		if err := f.Emit(tree, nil); err != nil {
			return err
		}
	default:
		f.IO.Printf("%s\n", strings.TrimRight(tree.Text(), "\n"))
	}
	if path := model.FirstProblem(tree); len(path) > 0 {
		bad := path[len(path)-1]
		return clierr.New(clierr.Invalid, "%s %s does not hold: %s", bad.Kind, bad.ID.Short(), bad.Problem).On(bad.ID.String())
	}
	return nil
}
