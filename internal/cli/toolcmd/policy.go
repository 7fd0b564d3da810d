package toolcmd

import (
	"context"
	"strings"

	"github.com/spf13/cobra"

	"github.com/mythos-project/mythos/internal/cli/cmdutil"
	"github.com/mythos-project/mythos/internal/toolbox"
)

type policyOptions struct {
	Tool  string
	Price uint64
}

func newPolicy(f *cmdutil.Factory) *cobra.Command {
	o := &policyOptions{}
	c := &cobra.Command{
		Use: "policy TOOL [--price N]", Short: "Say how this repository lets a tool be called",
		Long: "The policy is no part of the tool's id: capabilities stay what they are. What is not named stays as it was. It holds for all\n" +
			"names of the tool, and the tool keeps it when it is registered anew under its name.\n" +
			"--price is charged before each call to capabilities with a maximum (cost=N in a scope, agent add --max-cost), in the smallest unit of\n" +
			"whatever you count in, such as cents. A tool may say what a call cost (used cost=N, as in tool add): what it did not use is given back, and\n" +
			"what it used beyond the price counts. A call whose outcome nobody knows has cost its price.",
		Example: "  mythos tool policy search --price 5", Args: cmdutil.Args(1, 1),
		RunE: func(c *cobra.Command, args []string) error {
			o.Tool = args[0]
			var change toolbox.PolicyChange
			if c.Flags().Changed("price") {
				change.Price = &o.Price
			}
			return runPolicy(c.Context(), f, o, change)
		},
	}
	c.Flags().Uint64Var(&o.Price, "price", 0, "what a call is charged, in the smallest unit; 0: nothing")
	return c
}

func runPolicy(ctx context.Context, f *cmdutil.Factory, o *policyOptions, change toolbox.PolicyChange) error {
	n, err := f.Repo(ctx)
	if err != nil {
		return err
	}
	t, others, err := n.Toolbox.SetPolicy(ctx, o.Tool, change)
	if err != nil {
		return err
	}
	if len(others) > 0 {
		f.IO.Notef("the policy now also holds for %s", strings.Join(others, ", "))
	}
	return f.Emit(toolView(t), func() { f.Words(policyWords(&t)) })
}
