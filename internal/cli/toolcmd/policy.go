package toolcmd

import (
	"context"
	"errors"
	"strings"

	"github.com/spf13/cobra"

	"github.com/mythos-project/mythos/internal/cli/clierr"
	"github.com/mythos-project/mythos/internal/cli/cmdutil"
	"github.com/mythos-project/mythos/internal/toolbox"
)

type policyOptions struct {
	Tool                          string
	Price                         uint64
	KeyFrom                       string
	RetrySafe, Cancellable, Reads bool
}

func newPolicy(f *cmdutil.Factory) *cobra.Command {
	o := &policyOptions{}
	c := &cobra.Command{
		Use: "policy TOOL [--price N] [--key-from /PTR] [--read] [--retry-safe] [--cancellable]", Short: "Say how this repository lets a tool be called",
		Long: "The policy is no part of the tool's id: capabilities stay what they are. What is not named stays as it was. It holds for all\n" +
			"names of the tool, and the tool keeps it when it is registered anew under its name.\n" +
			"--price is charged before each call to capabilities with a maximum (cost=N in a scope, agent add --max-cost), in the smallest unit of\n" +
			"whatever you count in, such as cents. A tool may say what a call cost (used cost=N, as in tool add): what it did not use is given back, and\n" +
			"what it used beyond the price counts. A call whose outcome nobody knows has cost its price.\n" +
			"--key-from names the argument that tells calls apart, such as an order's number: calls that bring no key have this one, happen once for it,\n" +
			"and are refused where they have no such argument. '' takes that back.\n" +
			"--read says that calls change nothing: those of agents that bring no key are not registered, and asking again is safe. --retry-safe lets an attempt\n" +
			"with unknown outcome be repeated. --cancellable tells the tool when its client cancels; what it did is not known then. --read=false and the\n" +
			"like take them back.",
		Example: "  mythos tool policy search --price 5 --read\n  mythos tool policy shop.order --key-from /order_id", Args: cmdutil.Args(1, 1),
		RunE: func(c *cobra.Command, args []string) error {
			o.Tool = args[0]
			var change toolbox.PolicyChange
			given := c.Flags().Changed
			if given("price") {
				change.Price = &o.Price
			}
			if given("key-from") {
				change.KeyFrom = &o.KeyFrom
			}
			for _, flag := range []struct {
				name   string
				to     **bool
				stands *bool
			}{{"retry-safe", &change.RetrySafe, &o.RetrySafe}, {"cancellable", &change.Cancellable, &o.Cancellable}, {"read", &change.Reads, &o.Reads}} {
				if given(flag.name) {
					*flag.to = flag.stands
				}
			}
			return runPolicy(c.Context(), f, o, change)
		},
	}
	c.Flags().Uint64Var(&o.Price, "price", 0, "what a call is charged, in the smallest unit; 0: nothing")
	c.Flags().StringVar(&o.KeyFrom, "key-from", "", "a JSON pointer to the argument that is the key of calls that bring none")
	c.Flags().BoolVar(&o.Reads, "read", false, "calls change nothing")
	c.Flags().BoolVar(&o.RetrySafe, "retry-safe", false, "an attempt with unknown outcome may be repeated")
	c.Flags().BoolVar(&o.Cancellable, "cancellable", false, "the tool is told when its client cancels")
	return c
}

func runPolicy(ctx context.Context, f *cmdutil.Factory, o *policyOptions, change toolbox.PolicyChange) error {
	n, err := f.Repo(ctx)
	if err != nil {
		return err
	}
	t, others, err := n.Toolbox.SetPolicy(ctx, o.Tool, change)
	if errors.Is(err, toolbox.ErrPolicy) {
		return clierr.Usagef("%w", err)
	}
	if err != nil {
		return err
	}
	if len(others) > 0 {
		f.IO.Notef("the policy now also holds for %s", strings.Join(others, ", "))
	}
	return f.Emit(toolView(t), func() { f.Words(policyWords(&t)) })
}
