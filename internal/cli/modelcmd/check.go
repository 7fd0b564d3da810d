package modelcmd

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/mythos-project/mythos/internal/cli/clierr"
	"github.com/mythos-project/mythos/internal/cli/cmdutil"
	"github.com/mythos-project/mythos/internal/learn"
	"github.com/mythos-project/mythos/model/train"
	"github.com/mythos-project/mythos/object"
)

func newRecipeCheck(f *cmdutil.Factory) *cobra.Command {
	var s learn.ToolCheck
	var tokens uint64
	var gpu, cancel cmdutil.Duration
	c := &cobra.Command{
		Use: "check RECIPE TRAIN HELDOUT [--metric NAME]...", Short: "Check that a recipe's tool keeps the contract of training tools",
		Long: "Trains on one dataset, from the recipe's base, and evaluates on another. It checks that the same request gives\n" +
			"the same bytes, even after a training was cancelled midway; that a cancelled training ends at once; that unknown\n" +
			"members make no difference; that hashes and lengths are those of the weights; that tokens and GPU time stay\n" +
			"within the budget, if one is given; and that malformed requests and missing or truncated weights fail. It prints\n" +
			"a line for each fault, and exits with 8 if there is any.",
		Example: "  mythos recipe check @recipe @train @test --metric accuracy_micro", Args: cmdutil.Args(3, 3),
		RunE: func(c *cobra.Command, args []string) error {
			if c.Flags().Changed("max-tokens") {
				s.MaxTokens = &tokens
			}
			if c.Flags().Changed("max-gpu") {
				ms := uint64(time.Duration(gpu).Milliseconds())
				s.MaxGPUms = &ms
			}
			s.Cancel = time.Duration(cancel)
			return runRecipeCheck(c.Context(), f, args, s)
		},
	}
	c.Flags().StringArrayVar(&s.Metrics, "metric", nil, "a metric that the evaluation must give; may be repeated")
	c.Flags().Uint64Var(&tokens, "max-tokens", 0, "most tokens that the tool may report; unlimited by default")
	c.Flags().Var(&gpu, "max-gpu", "most GPU time that the tool may report; unlimited by default")
	c.Flags().Var(&cancel, "cancel-after", "when to cancel the cancelled training; by default when it first reports progress, or after 20ms")
	return c
}

func runRecipeCheck(ctx context.Context, f *cmdutil.Factory, args []string, s learn.ToolCheck) error {
	n, err := f.Repo(ctx)
	if err != nil {
		return err
	}
	if s.Recipe, err = f.Resolve(ctx, args[0]); err != nil {
		return err
	}
	for i, list := range []*object.Hash{&s.Train, &s.HeldOut} {
		if *list, err = n.Datasets.List(ctx, args[i+1]); err != nil {
			return err
		}
	}
	err = n.Learn.CheckTool(ctx, s)
	if errors.Is(err, train.ErrTool) {
		problems := strings.Split(err.Error(), "\n")
		return clierr.New(clierr.Tool, "the tool breaks the contract: %w", errors.New(strings.Join(problems, "; "))).On(s.Recipe.String())
	}
	if err != nil {
		return err
	}
	return f.Emit(checked{s.Recipe, true}, func() { f.IO.Printf("ok\n") })
}
