package modelcmd

import (
	"context"
	"errors"
	"strings"

	"github.com/spf13/cobra"

	"github.com/mythos-project/mythos/internal/cli/clierr"
	"github.com/mythos-project/mythos/internal/cli/cmdutil"
	"github.com/mythos-project/mythos/model"
	"github.com/mythos-project/mythos/object"
)

func newRecipeCheck(f *cmdutil.Factory) *cobra.Command {
	var metrics []string
	c := &cobra.Command{
		Use: "check RECIPE TRAIN HELDOUT [--metric NAME]...", Short: "Check that a recipe's tool keeps the contract of training tools",
		Long: "Trains on one dataset and evaluates on another: the same request must give the same bytes, unknown members must make\n" +
			"no difference, malformed requests and weights cut short must fail. Exit code 8 and a line for each thing that is wrong.",
		Example: "  mythos recipe check @recipe @train @test --metric accuracy_micro", Args: cmdutil.Args(3, 3),
		RunE: func(c *cobra.Command, args []string) error { return runRecipeCheck(c.Context(), f, args, metrics) },
	}
	c.Flags().StringArrayVar(&metrics, "metric", nil, "a metric that the evaluation must give; may be repeated")
	return c
}

func runRecipeCheck(ctx context.Context, f *cmdutil.Factory, args, metrics []string) error {
	n, err := f.Node(ctx)
	if err != nil {
		return err
	}
	var ids [3]object.Hash
	for i, name := range args {
		if ids[i], err = f.Resolve(ctx, name); err != nil {
			return err
		}
	}
	err = n.CheckTool(ctx, ids[0], ids[1], ids[2], metrics)
	if errors.Is(err, model.ErrTool) {
		problems := strings.Split(err.Error(), "\n")
		return clierr.New(clierr.Tool, "the tool breaks the contract: %w", errors.New(strings.Join(problems, "; "))).On(ids[0].String())
	}
	if err != nil {
		return err
	}
	return f.Emit(checked{ids[0], true}, func() { f.IO.Printf("ok\n") })
}
