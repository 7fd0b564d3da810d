package ledgercmd

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/mythos-project/mythos/caps"
	"github.com/mythos-project/mythos/internal/cli/clierr"
	"github.com/mythos-project/mythos/internal/cli/cmdutil"
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
	o := &logOptions{State: "receipt"}
	c := &cobra.Command{
		Use: "ls [--tool T] [--since T]", Short: "List receipts, oldest first", Example: "  mythos receipt ls --tool wc", Args: cmdutil.Args(0, 0),
		RunE: func(c *cobra.Command, _ []string) error {
			n, err := f.Node(c.Context())
			if err != nil {
				return err
			}
			filter, err := o.filter(c.Context(), n)
			if err != nil {
				return err
			}
			var rows [][]ui.Cell
			err = n.Ledger.Log(c.Context(), filter, func(e ledger.Entry) error {
				if f.JSON {
					return f.EmitObject("Receipt", e.Raw)
				}
				r := e.Receipt
				rows = append(rows, []ui.Cell{{Text: f.IO.Hash(r.ReceiptID.String()), Meaning: ui.Name}, {Text: fmt.Sprint(r.Status), Meaning: statusMeaning(r.Status)},
					{Text: r.TimeObserved.String(), Meaning: ui.Dim}, {Text: n.ToolName(c.Context(), r.ToolID)}, {Text: string(r.IdempotencyKey)}})
				return nil
			})
			if err == nil && !f.JSON {
				f.IO.Table([]string{"receipt", "status", "time", "tool", "key"}, rows)
			}
			return err
		},
	}
	c.Flags().StringVar(&o.Tool, "tool", "", "only this tool")
	c.Flags().StringVar(&o.Since, "since", "", "from this time on")
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

func newReceiptExport(f *cmdutil.Factory) *cobra.Command {
	var out string
	c := &cobra.Command{
		Use: "export ID [-o FILE]", Short: "Write one file with all the evidence for a receipt, to be verified anywhere",
		Example: "  mythos receipt export 3f9c01 -o evidence.bin", Args: cmdutil.Args(1, 1),
		RunE: func(c *cobra.Command, args []string) error { return runExport(c.Context(), f, args[0], out) },
	}
	c.Flags().StringVarP(&out, "output", "o", "", "the file; standard output by default")
	return c
}

func runExport(ctx context.Context, f *cmdutil.Factory, name, out string) error {
	id, err := f.Resolve(ctx, name)
	if err != nil {
		return err
	}
	n, err := f.Node(ctx)
	if err != nil {
		return err
	}
	raw, err := n.Ledger.Receipt(ctx, id)
	if err != nil {
		return err
	}
	r, _, err := ledger.OpenReceipt(raw)
	if err != nil {
		return err
	}
	var chain [][]byte
	if len(r.Evidence) > 0 { // the first piece of evidence is the capability
		if ch, err := n.Chain(ctx, r.Evidence[0]); err == nil {
			chain = ch.Raws()
		}
	}
	bundle, err := n.Ledger.ExportEvidence(ctx, id, chain)
	if err != nil {
		return err
	}
	return f.Write(out, bundle)
}

func newReceiptVerify(f *cmdutil.Factory) *cobra.Command {
	var trust []string
	c := &cobra.Command{
		Use: "verify ID|FILE [--trust KEY]...", Short: "Check a receipt, or an evidence file without any repository",
		Long: "Two verdicts: the bytes are intact (else 5), and a trusted agent signed them (else 4).",
		Args: cmdutil.Args(1, 1), Example: "  mythos receipt verify evidence.bin --trust 8a88e3dd7409f195fd52db2d3cba5d72ca6709bf1d94121bf3748801b40f6f5c",
		RunE: func(c *cobra.Command, args []string) error { return runReceiptVerify(c.Context(), f, args[0], trust) },
	}
	c.Flags().StringArrayVar(&trust, "trust", nil, "a public key or key id that is trusted; may be repeated")
	return c
}

func runReceiptVerify(ctx context.Context, f *cmdutil.Factory, name string, trust []string) error {
	keys, err := f.TrustedKeys(trust)
	if err != nil {
		return err
	}
	r, id, err := intact(ctx, f, name)
	if err != nil {
		return err
	}
	f.IO.Notef("intact: receipt %s, status %d, by %s", id.Short(), r.Status, r.Signer)
	if !keys.Trusts(r.Signer) {
		return clierr.New(clierr.Refused, "receipt %s is intact, but nobody here trusts its signer %s", id.Short(), r.Signer).
			On(id.String()).With("if you trust that key: --trust " + r.Signer.KeyHex())
	}
	return f.Emit(verdict{true, true, true, id}, func() { f.IO.Printf("ok\n") })
}

// intact gives the first verdict.
func intact(ctx context.Context, f *cmdutil.Factory, name string) (*ledger.Receipt, object.Hash, error) {
	data, err := f.Read(name)
	if e, ok := clierr.As(err); ok && e.Code == clierr.NotFound {
		raw, err := receiptOf(ctx, f, name)
		if err != nil {
			return nil, object.Hash{}, err
		}
		r, id, err := ledger.OpenReceipt(raw)
		return r, id, invalid(name, err)
	}
	if err != nil {
		return nil, object.Hash{}, err
	}
	if r, id, err := ledger.OpenReceipt(data); err == nil {
		return r, id, nil
	}
	ev, err := ledger.VerifyEvidence(data)
	if err != nil {
		return nil, object.Hash{}, invalid(name, err)
	}
	if len(ev.Caps) > 0 {
		if err := capsIntact(ev); err != nil {
			return nil, object.Hash{}, invalid(name, err)
		}
	}
	return ev.Receipt, ev.ReceiptID, nil
}

// capsIntact checks that the capability chain of an evidence file is whole and the
// one that the receipt names.
func capsIntact(ev *ledger.Evidence) error {
	chain, err := caps.OpenChain(ev.Caps...)
	if err != nil {
		return err
	}
	if len(ev.Receipt.Evidence) == 0 || chain[0].ID != ev.Receipt.Evidence[0] {
		return errors.New("the capability is not the one that the receipt names")
	}
	root := chain[len(chain)-1].Cap.Issuer
	v := caps.Verifier{
		Trusted: func(a object.AgentID, _ uint8) bool { return a.Same(root) },
		Revoked: func(object.AgentID) (*caps.RevocationList, error) { return nil, nil },
	}
	if err := v.Verify(chain, ev.Receipt.Signer, ev.Receipt.TimeObserved); err != nil {
		var d *caps.DeniedError
		if errors.As(err, &d) && d.Check == caps.CheckRevocation {
			return nil // offline, revocation is not looked at
		}
		return err
	}
	return nil
}

func invalid(name string, err error) error {
	if err == nil {
		return nil
	}
	return clierr.New(clierr.Invalid, "%s: %w", name, err).On(name)
}
