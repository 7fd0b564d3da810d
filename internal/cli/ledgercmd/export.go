package ledgercmd

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/mythos-project/mythos/internal/cli/clierr"
	"github.com/mythos-project/mythos/internal/cli/cmdutil"
	"github.com/mythos-project/mythos/internal/node"
	"github.com/mythos-project/mythos/ledger"
	"github.com/mythos-project/mythos/object"
)

type exportOptions struct {
	Format, Checkpoint, Out string
	Witnesses               []string
}

// under is what a receipt is proven under.
type under struct {
	checkpoint []byte           // nil: a fresh one
	witnesses  []object.AgentID // that may have cosigned it
}

func newReceiptExport(f *cmdutil.Factory) *cobra.Command {
	o := &exportOptions{}
	c := &cobra.Command{
		Use: "export ID [--format F] [--checkpoint FILE [--witness KEY]...] [-o FILE]", Short: "Write one file of evidence for receipts, to be verified anywhere",
		Long: "Formats: evidence, the receipt with its ledger entries, capabilities, inclusion proofs and a checkpoint; in-toto, an\n" +
			"in-toto statement about the response, in a DSSE envelope, with that evidence inside; tlog-proof, only the C2SP proof\n" +
			"that the receipt is in the log; receipt, only its canonical bytes. Evidence holds nothing that it does not verify itself: the\n" +
			"key of each witness that cosigned --checkpoint is in trust.yaml or given with --witness.",
		Example: "  mythos receipt export 3f9c01 -o evidence.bin\n  mythos receipt export 3f9c01 --format in-toto -o evidence.intoto.json", Args: cmdutil.Args(1, 1),
		RunE: func(c *cobra.Command, args []string) error { return runExport(c.Context(), f, args[0], o) },
	}
	c.Flags().StringVar(&o.Format, "format", "evidence", "evidence, in-toto, tlog-proof or receipt")
	c.Flags().StringVar(&o.Checkpoint, "checkpoint", "", "prove it under this checkpoint (one that others keep, or witnesses cosigned) instead of a fresh one")
	c.Flags().StringArrayVar(&o.Witnesses, "witness", nil, "the public key of a witness that cosigned --checkpoint; may be repeated")
	c.Flags().StringVarP(&o.Out, "output", "o", "", "the file; standard output by default")
	return c
}

// formats are the values of --format.
var formats = map[string]func(context.Context, *node.Node, object.Hash, under) ([]byte, error){
	"evidence": exported, "in-toto": inToto, "tlog-proof": tlogProof, "receipt": canonical}

// Formats are the names of the forms in which a receipt is exported.
func Formats() []string { return slices.Sorted(maps.Keys(formats)) }

func runExport(ctx context.Context, f *cmdutil.Factory, name string, o *exportOptions) error {
	format, ok := formats[o.Format]
	if !ok {
		return clierr.Usagef("--format %s: expected one of %s", o.Format, strings.Join(Formats(), ", "))
	}
	id, err := f.Resolve(ctx, name)
	if err != nil {
		return err
	}
	n, err := f.Node(ctx)
	if err != nil {
		return err
	}
	var u under
	if o.Checkpoint != "" {
		if u.checkpoint, err = f.ReadText(o.Checkpoint); err != nil {
			return err
		}
	}
	if u.witnesses, err = publicKeys("witness", o.Witnesses); err != nil {
		return err
	}
	out, err := format(ctx, n, id, u)
	if errors.Is(err, ledger.ErrCheckpoint) && u.checkpoint != nil {
		return clierr.New(clierr.Invalid, "%s: %w", o.Checkpoint, err).On(o.Checkpoint).
			With("the key of a witness that cosigned it: --witness KEY")
	}
	if err != nil {
		return err
	}
	return f.Write(o.Out, out)
}

func canonical(ctx context.Context, n *node.Node, id object.Hash, _ under) ([]byte, error) {
	return n.Source().ReceiptBytes(ctx, id)
}

func exported(ctx context.Context, n *node.Node, id object.Hash, u under) ([]byte, error) {
	raw, err := n.Ledger.Receipt(ctx, id)
	if err != nil {
		return nil, err
	}
	r, _, err := ledger.OpenReceipt(raw)
	if err != nil {
		return nil, err
	}
	var chain [][]byte
	if len(r.Evidence) > 0 { // the first piece of evidence is the capability
		if ch, err := n.Chain(ctx, r.Evidence[0]); err == nil {
			chain = ch.Raws()
		}
	}
	return n.Ledger.ExportEvidence(ctx, id, chain, u.checkpoint, append(n.Trust.Everyone(), u.witnesses...)...)
}

func inToto(ctx context.Context, n *node.Node, id object.Hash, u under) ([]byte, error) {
	bundle, err := exported(ctx, n, id, u)
	if err != nil {
		return nil, err
	}
	envelope, err := ledger.ToInToto(n.Key, bundle)
	return append(envelope, '\n'), err
}

func tlogProof(ctx context.Context, n *node.Node, id object.Hash, u under) ([]byte, error) {
	seq, err := n.Ledger.ReceiptSeq(ctx, id)
	if err != nil {
		return nil, err
	}
	if u.checkpoint == nil {
		if u.checkpoint, err = n.Ledger.Checkpoint(ctx); err != nil {
			return nil, err
		}
	}
	return n.Ledger.ProofText(ctx, u.checkpoint, seq)
}
