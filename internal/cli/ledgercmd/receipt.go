package ledgercmd

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/mythos-project/mythos/internal/cli/cmdutil"
	"github.com/mythos-project/mythos/internal/repo"
	"github.com/mythos-project/mythos/internal/ui"
	"github.com/mythos-project/mythos/ledger"
	"github.com/mythos-project/mythos/object"
)

// NewReceipt is `mythos receipt`.
func NewReceipt(f *cmdutil.Factory) *cobra.Command {
	return f.Returns(cmdutil.Noun("receipt", "Signed statements of what tools were asked and answered",
		newReceiptLs(f), newReceiptShow(f), newReceiptVerify(f), newReceiptExport(f)), receiptResults)
}

func newReceiptLs(f *cmdutil.Factory) *cobra.Command {
	o := &selection{}
	c := &cobra.Command{
		Use: "ls [--tool T] [--agent A] [--cap CAP] [--since T] [--until T] [--state S]", Short: "List receipts, oldest first",
		Example: "  mythos receipt ls --tool wc --since yesterday", Args: cmdutil.Args(0, 0),
		RunE: func(c *cobra.Command, _ []string) error { return runReceiptLs(c.Context(), f, o) },
	}
	o.flags(c.Flags())
	return c
}

func runReceiptLs(ctx context.Context, f *cmdutil.Factory, o *selection) error {
	n, err := f.Repo(ctx)
	if err != nil {
		return err
	}
	selected, err := o.selected(ctx, f, n)
	if err != nil {
		return err
	}
	t := f.Pages("receipt", "status", "time", "tool", "key", "by")
	err = selected(func(r *ledger.Receipt) error {
		row := rowOf(ctx, n, r)
		if f.JSON {
			return f.Emit(row, nil)
		}
		t.Add(ui.Cell{Text: f.IO.Hash(r.ReceiptID.String()), Meaning: ui.Name}, ui.Cell{Text: fmt.Sprint(r.Status), Meaning: statusMeaning(r.Status)},
			ui.Cell{Text: f.ShowTime(r.TimeObserved), Meaning: ui.Dim}, ui.Cell{Text: row.Tool}, ui.Cell{Text: row.Key}, ui.Cell{Text: row.By.Short()})
		return nil
	})
	t.Flush()
	return err
}

// receiptRow is a receipt in a list; `mythos receipt show ID --json` prints the whole receipt.
type receiptRow struct {
	Receipt  object.Hash   `json:"receipt_id"`
	Time     object.Time   `json:"time_observed"`
	Tool     string        `json:"tool"` // its name here, otherwise the beginning of its id
	ToolID   object.Hash   `json:"tool_id"`
	Key      string        `json:"idempotency_key,omitempty"`
	KeyHex   string        `json:"idempotency_key_hex,omitempty"` // for a key that is not text
	Status   uint16        `json:"status"`
	By       cmdutil.Party `json:"by"` // the signer, with its local name
	Request  object.Hash   `json:"request_hash"`
	Response object.Hash   `json:"response_hash"`
	Notes    *string       `json:"notes,omitempty"`
	Evidence []object.Hash `json:"evidence,omitempty"`
}

func rowOf(ctx context.Context, n *repo.Repo, r *ledger.Receipt) receiptRow {
	return receiptRow{r.ReceiptID, r.TimeObserved, n.Toolbox.Name(ctx, r.ToolID), r.ToolID, ledger.KeyText(r.IdempotencyKey), ledger.KeyHex(r.IdempotencyKey), r.Status,
		cmdutil.Party{Name: n.AgentName(r.Signer), Key: r.Signer.KeyHex()}, r.RequestHash, r.ResponseHash, r.Notes, r.Evidence}
}

func statusMeaning(status uint16) ui.Meaning {
	if status < 300 {
		return ui.Good
	}
	return ui.Bad
}

// receiptOf returns the receipt of the argument: an id or a file.
func receiptOf(ctx context.Context, f *cmdutil.Factory, name string) ([]byte, error) {
	id, err := f.Resolve(ctx, name)
	if err != nil {
		return nil, err
	}
	n, err := f.Repo(ctx)
	if err != nil {
		return nil, err
	}
	return n.Source.ReceiptBytes(ctx, id)
}
