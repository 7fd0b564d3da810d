package ledgercmd

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/mythos-project/mythos/internal/cli/clierr"
	"github.com/mythos-project/mythos/internal/cli/cmdutil"
	"github.com/mythos-project/mythos/internal/evidence"
	"github.com/mythos-project/mythos/internal/repo"
	"github.com/mythos-project/mythos/internal/units"
	"github.com/mythos-project/mythos/ledger"
	"github.com/mythos-project/mythos/ledger/intoto"
	"github.com/mythos-project/mythos/ledger/kvledger"
	"github.com/mythos-project/mythos/ledger/mlog"
	"github.com/mythos-project/mythos/object"
)

type exportOptions struct {
	selection
	Format, Checkpoint, Out string
	Witnesses               []string
}

// under is the basis of a receipt's proof.
type under struct {
	checkpoint []byte           // nil: a fresh one
	witnesses  []object.AgentID // possible cosigners of it
}

func newReceiptExport(f *cmdutil.Factory) *cobra.Command {
	o := &exportOptions{}
	c := &cobra.Command{
		Use:   "export [ID]... [--tool T] [--agent A] [--cap CAP] [--since T] [--until T] [--format F] [-o FILE]",
		Short: "Write evidence for receipts to one file that can be verified anywhere",
		Long: "For one ID, the file is its evidence alone. For several, or for those that the flags select, it has a line of\n" +
			"JSON for each receipt, all proven under one checkpoint. `mythos receipt verify FILE` checks either, without a\n" +
			"repository. Formats: evidence, the receipt with its ledger entries, capabilities, inclusion proofs and a\n" +
			"checkpoint; in-toto, an in-toto statement about the response, in a DSSE envelope with that evidence inside;\n" +
			"tlog-proof, only the C2SP proof that the receipt is in the log; receipt, only its canonical bytes. The last two\n" +
			"take one ID. Evidence holds only what it verifies itself: the key of each witness that cosigned --checkpoint\n" +
			"must be in trust.yaml or given with --witness.",
		Example: "  mythos receipt export 3f9c01 -o evidence.bin\n" +
			"  mythos receipt export --tool deploy --since yesterday -o audit.jsonl\n" +
			"  mythos receipt export 3f9c01 --format in-toto -o evidence.intoto.json", Args: cmdutil.Args(0, -1),
		RunE: func(c *cobra.Command, args []string) error { return runExport(c.Context(), f, args, o) },
	}
	c.Flags().StringVarP(&o.Out, "output", "o", "", "the file; standard output by default")
	o.flags(c.Flags())
	c.Flags().StringVar(&o.Format, "format", "evidence", "evidence, in-toto, tlog-proof or receipt")
	c.Flags().StringVar(&o.Checkpoint, "checkpoint", "", "prove under this checkpoint instead of a new one, such as one that others keep or witnesses cosigned")
	c.Flags().StringArrayVar(&o.Witnesses, "witness", nil, "the public key of a witness that cosigned --checkpoint; may be repeated")
	return c
}

// formats are the values of --format.
var formats = map[string]func(context.Context, *repo.Repo, object.Hash, under) ([]byte, error){
	"evidence": exported, "in-toto": inToto, "tlog-proof": tlogProof, "receipt": canonical}

// lineFormats are the formats for a file of many receipts, one per line.
var lineFormats = map[string]func(context.Context, *repo.Repo, object.Hash, under) ([]byte, error){
	"evidence": evidenceLine, "in-toto": inToto}

// Formats are the names of the export formats of a receipt.
func Formats() []string { return slices.Sorted(maps.Keys(formats)) }

func runExport(ctx context.Context, f *cmdutil.Factory, names []string, o *exportOptions) error {
	many := len(names) > 1 || o.given()
	format, ok := formats[o.Format]
	switch {
	case !ok:
		return clierr.Usagef("--format %s: expected one of %s", o.Format, strings.Join(Formats(), ", "))
	case len(names) == 0 && !many:
		return clierr.Usagef("which receipts? Give ids or flags that select them").With("mythos receipt export --since yesterday -o FILE")
	case len(names) > 0 && o.given():
		return clierr.Usagef("give either ids or flags that select receipts, not both")
	}
	if many {
		if format, ok = lineFormats[o.Format]; !ok {
			return clierr.Usagef("--format %s takes one receipt; for several: %s", o.Format, strings.Join(slices.Sorted(maps.Keys(lineFormats)), ", "))
		}
	}
	n, err := f.Repo(ctx)
	if err != nil {
		return err
	}
	u, err := o.under(ctx, f, n, many)
	if err != nil {
		return err
	}
	each, err := o.receipts(ctx, f, n, names)
	if err != nil {
		return err
	}
	written := 0
	err = f.WriteWith(o.Out, func(w io.Writer) error {
		err := each(func(id object.Hash) error {
			text, err := format(ctx, n, id, u)
			if err != nil {
				return fmt.Errorf("receipt %s: %w", id.Short(), err)
			}
			written++
			_, err = w.Write(text)
			return err
		})
		if err == nil && written == 0 {
			return clierr.New(clierr.NotFound, "no receipt is selected").With("`mythos receipt ls` takes the same flags")
		}
		return err
	})
	if errors.Is(err, mlog.ErrCheckpoint) && o.Checkpoint != "" {
		return clierr.New(clierr.Invalid, "%s: %w", o.Checkpoint, err).On(o.Checkpoint).
			With("the checkpoint must cover every receipt; give the key of a witness that cosigned it: --witness KEY")
	}
	if err == nil && many {
		f.IO.Notef("%s", units.Count(written, "receipt"))
	}
	return err
}

// under reads the basis of the proofs; many receipts use the same checkpoint.
func (o *exportOptions) under(ctx context.Context, f *cmdutil.Factory, n *repo.Repo, many bool) (u under, err error) {
	switch {
	case o.Checkpoint != "":
		u.checkpoint, err = f.ReadText(o.Checkpoint)
	case many:
		u.checkpoint, err = n.Ledger.Checkpoint(ctx)
	}
	if err != nil {
		return u, err
	}
	u.witnesses, err = publicKeys("witness", o.Witnesses)
	return u, err
}

// receipts returns an iterator over the ids of the named receipts, or of those that the flags select, the oldest first.
func (o *exportOptions) receipts(ctx context.Context, f *cmdutil.Factory, n *repo.Repo, names []string) (func(func(object.Hash) error) error, error) {
	if len(names) == 0 {
		selected, err := o.selected(ctx, f, n)
		return func(fn func(object.Hash) error) error {
			return selected(func(r *ledger.Receipt) error { return fn(r.ReceiptID) })
		}, err
	}
	ids := make([]object.Hash, 0, len(names))
	for _, name := range names {
		id, err := f.Resolve(ctx, name)
		if err != nil {
			return nil, err
		}
		if slices.Contains(ids, id) {
			return nil, clierr.Usagef("receipt %s is named twice", id.Short())
		}
		ids = append(ids, id)
	}
	return func(fn func(object.Hash) error) error {
		for _, id := range ids {
			if err := fn(id); err != nil {
				return err
			}
		}
		return nil
	}, nil
}

// evidenceLine is a receipt's line in a file of many (spec/evidence.md#evidence-files).
func evidenceLine(ctx context.Context, n *repo.Repo, id object.Hash, u under) ([]byte, error) {
	bundle, err := exported(ctx, n, id, u)
	if err != nil {
		return nil, err
	}
	return evidence.AppendLine(nil, evidence.Line{ReceiptID: id, Evidence: bundle})
}

func canonical(ctx context.Context, n *repo.Repo, id object.Hash, _ under) ([]byte, error) {
	return n.Source.ReceiptBytes(ctx, id)
}

func exported(ctx context.Context, n *repo.Repo, id object.Hash, u under) ([]byte, error) {
	raw, err := n.Ledger.Receipt(ctx, id)
	if err != nil {
		return nil, err
	}
	r, _, err := ledger.OpenReceipt(raw)
	if err != nil {
		return nil, err
	}
	var by kvledger.Authority
	if len(r.Evidence) > 0 { // the first hash in the evidence is the capability
		if ch, err := n.Auth.Chain(ctx, r.Evidence[0]); err == nil {
			by.Caps = ch.Raws()
		}
		if by.Agreed, err = n.Approvals.Named(ctx, r.Evidence); err != nil {
			return nil, err
		}
	}
	return n.Ledger.ExportEvidence(ctx, id, by, u.checkpoint, append(n.Trust.Everyone(), u.witnesses...)...)
}

func inToto(ctx context.Context, n *repo.Repo, id object.Hash, u under) ([]byte, error) {
	bundle, err := exported(ctx, n, id, u)
	if err != nil {
		return nil, err
	}
	envelope, err := intoto.Seal(n.Key, bundle)
	return append(envelope, '\n'), err
}

func tlogProof(ctx context.Context, n *repo.Repo, id object.Hash, u under) ([]byte, error) {
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
