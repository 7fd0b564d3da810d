package ledgercmd

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/mythos-project/mythos/internal/cli/cmdutil"
	"github.com/mythos-project/mythos/internal/ui"
	"github.com/mythos-project/mythos/ledger"
)

// NewReceipt is `mythos receipt`.
func NewReceipt(f *cmdutil.Factory) *cobra.Command {
	return f.Returns(cmdutil.Noun("receipt", "Signed statements of what tools were asked and answered",
		newReceiptLs(f), newReceiptShow(f), newReceiptVerify(f), newReceiptExport(f)), receiptResults)
}

func newReceiptLs(f *cmdutil.Factory) *cobra.Command {
	o := &logOptions{Kind: "receipt"}
	c := &cobra.Command{
		Use: "ls [--tool T] [--state S] [--agent A] [--since T] [--until T]", Short: "List receipts, oldest first", Example: "  mythos receipt ls --tool wc", Args: cmdutil.Args(0, 0),
		RunE: func(c *cobra.Command, _ []string) error {
			n, err := f.Node(c.Context())
			if err != nil {
				return err
			}
			filter, err := o.filter(c.Context(), f, n)
			if err != nil {
				return err
			}
			t := &table{f: f, header: []string{"receipt", "status", "time", "tool", "key"}}
			err = n.Ledger.Log(c.Context(), filter, func(e ledger.Entry) error {
				if f.JSON {
					return f.EmitObject("Receipt", e.Raw)
				}
				r := e.Receipt
				t.add(ui.Cell{Text: f.IO.Hash(r.ReceiptID.String()), Meaning: ui.Name}, ui.Cell{Text: fmt.Sprint(r.Status), Meaning: statusMeaning(r.Status)},
					ui.Cell{Text: r.TimeObserved.String(), Meaning: ui.Dim}, ui.Cell{Text: n.ToolName(c.Context(), r.ToolID)}, ui.Cell{Text: string(r.IdempotencyKey)})
				return nil
			})
			t.flush()
			return err
		},
	}
	c.Flags().StringVar(&o.Tool, "tool", "", "only this tool")
	c.Flags().Var(&o.Since, "since", "from this time on: "+cmdutil.TimeHelp)
	c.Flags().Var(&o.Until, "until", "before this time")
	c.Flags().StringVar(&o.State, "state", "", "only receipts of effects that are in this state now")
	c.Flags().StringVar(&o.Agent, "agent", "", "only receipts that this agent signed")
	return c
}

func statusMeaning(status uint16) ui.Meaning {
	if status < 300 {
		return ui.Good
	}
	return ui.Bad
}

// receiptOf returns the receipt that the argument names: an id or a file.
func receiptOf(ctx context.Context, f *cmdutil.Factory, name string) ([]byte, error) {
	id, err := f.Resolve(ctx, name)
	if err != nil {
		return nil, err
	}
	n, err := f.Node(ctx)
	if err != nil {
		return nil, err
	}
	return n.Source().ReceiptBytes(ctx, id)
}

func newReceiptShow(f *cmdutil.Factory) *cobra.Command {
	return &cobra.Command{
		Use: "show ID", Short: "Print a receipt", Example: "  mythos receipt show 3f9c01", Args: cmdutil.Args(1, 1),
		RunE: func(c *cobra.Command, args []string) error {
			raw, err := receiptOf(c.Context(), f, args[0])
			if err != nil {
				return err
			}
			return f.EmitObject("Receipt", raw)
		},
	}
}
