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
		Use: "policy TOOL [--price N] [--key-from /PTR] [--read] [--retry-safe] [--cancellable]", Short: "Set how this repository lets a tool be called",
		Long: "The policy is not part of the tool's id: capabilities stay valid. What you do not name stays as it was. The\n" +
			"policy holds for all names of the tool, and stays when the tool is registered again under its name. --price is\n" +
			"charged before each call to capabilities with a maximum (cost=N in a scope, agent add --max-cost), in the\n" +
			"smallest unit of whatever you count in, such as cents. A tool may report what a call cost (used cost=N, as in\n" +
			"tool add): what it did not use is given back, and what it used beyond the price counts. A call with unknown\n" +
			"outcome has cost its price. --key-from names the argument that distinguishes calls, such as an order number. It becomes the key of calls without one: they happen once for it, and are refused if they lack the argument. ''\n" +
			"removes it. --read says that calls change nothing: an agent's calls without a key are not registered, and may be repeated.\n" +
			"--retry-safe allows an attempt with unknown outcome to be repeated. --cancellable tells the tool when its client\n" +
			"cancels; nobody then knows what it did. --read=false and the like take these back.",
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
	c.Flags().Uint64Var(&o.Price, "price", 0, "what each call is charged, in the smallest unit; 0: nothing")
	c.Flags().StringVar(&o.KeyFrom, "key-from", "", "a JSON pointer to the argument that becomes the key of calls without one")
	c.Flags().BoolVar(&o.Reads, "read", false, "calls change nothing")
	c.Flags().BoolVar(&o.RetrySafe, "retry-safe", false, "allow an attempt with unknown outcome to be repeated")
	c.Flags().BoolVar(&o.Cancellable, "cancellable", false, "tell the tool when its client cancels")
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
