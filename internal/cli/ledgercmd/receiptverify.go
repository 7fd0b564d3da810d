package ledgercmd

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"slices"

	"github.com/spf13/cobra"

	"github.com/mythos-project/mythos/internal/cli/clierr"
	"github.com/mythos-project/mythos/internal/cli/cmdutil"
	"github.com/mythos-project/mythos/internal/evidence"
	"github.com/mythos-project/mythos/internal/repo"
	"github.com/mythos-project/mythos/ledger"
	"github.com/mythos-project/mythos/ledger/mlog"
	"github.com/mythos-project/mythos/object"
)

type receiptVerifyOptions struct {
	Trust, Witnesses  []string
	Checkpoint, Proof string
}

func newReceiptVerify(f *cmdutil.Factory) *cobra.Command {
	o := &receiptVerifyOptions{}
	c := &cobra.Command{
		Use: "verify ID|FILE [--trust KEY]... [--checkpoint FILE] [--proof FILE] [--witness KEY]...", Short: "Check a receipt, or an evidence file without any repository",
		Long: "Two verdicts: the bytes are intact (else 5), and the signer of the receipt, the log or the envelope is trusted\n" +
			"(else 4). FILE is what `mythos receipt export` wrote: evidence of one receipt or of many, an in-toto envelope or\n" +
			"a line for each; or a receipt, with its tlog-proof in --proof. Each of many receipts has its own verdicts, and\n" +
			"the worst decides the exit code. --checkpoint also requires that the receipts are in the log of a checkpoint\n" +
			"that was kept elsewhere; this works for evidence exported under it (`receipt export --checkpoint`), and for a\n" +
			"receipt in the repository here. --witness requires the cosignatures of witnesses on the checkpoint.",
		Args: cmdutil.Args(1, 1), Example: "  mythos receipt verify evidence.bin --trust 8a88e3dd7409f195fd52db2d3cba5d72ca6709bf1d94121bf3748801b40f6f5c",
		RunE: func(c *cobra.Command, args []string) error { return runReceiptVerify(c.Context(), f, args[0], o) },
	}
	c.Flags().StringArrayVar(&o.Trust, "trust", nil, "a public key or key id that is trusted; may be repeated")
	c.Flags().StringVar(&o.Checkpoint, "checkpoint", "", "a checkpoint kept elsewhere, whose log must contain the receipt")
	c.Flags().StringVar(&o.Proof, "proof", "", "the tlog-proof of a receipt")
	c.Flags().StringArrayVar(&o.Witnesses, "witness", nil, "a public key that must have cosigned the checkpoint; may be repeated")
	return c
}

// finding is an intact receipt with everything known about its signers.
type finding struct{ *evidence.Finding }

// demands are the checks of each receipt, besides that it is intact.
type demands struct {
	keys       *cmdutil.Keys
	witnesses  []object.AgentID
	checkpoint []byte // kept elsewhere; nil: none
	name       string // of its file
}

func runReceiptVerify(ctx context.Context, f *cmdutil.Factory, name string, o *receiptVerifyOptions) (err error) {
	d := &demands{name: o.Checkpoint}
	if d.keys, err = f.TrustedKeys(o.Trust); err != nil {
		return err
	}
	if d.witnesses, err = publicKeys("witness", o.Witnesses); err != nil {
		return err
	}
	if o.Checkpoint != "" {
		if d.checkpoint, err = f.ReadText(o.Checkpoint); err != nil {
			return err
		}
	}
	data, lines, done, err := presented(ctx, f, name)
	if err != nil {
		return err
	}
	defer done()
	if lines != nil {
		if o.Proof != "" {
			return clierr.Usagef("--proof takes one receipt, and %s has a line for each of many", name)
		}
		return d.many(ctx, f, name, lines)
	}
	found, err := evidence.Find(data, d.keys.Agents...)
	if err != nil {
		return clierr.New(clierr.Invalid, "%s: %w", name, err).On(name)
	}
	v := finding{found}
	if o.Proof != "" {
		if err := v.proved(f, o.Proof, d.keys); err != nil {
			return err
		}
	}
	if err := d.met(ctx, f, v); err != nil {
		return err
	}
	return v.report(ctx, f, d.keys)
}

// met checks the demands on an intact receipt.
func (d *demands) met(ctx context.Context, f *cmdutil.Factory, v finding) error {
	if d.checkpoint != nil {
		if err := v.included(ctx, f, d); err != nil {
			return err
		}
	}
	return v.witnessed(d.witnesses)
}

// judged prints the two verdicts on an intact receipt.
func (v finding) judged(ctx context.Context, f *cmdutil.Factory, keys *cmdutil.Keys) (evidence.Verdict, error) {
	return v.Judge(func(s evidence.Signer) (bool, string, error) {
		if keys.Trusts(s.Agent) {
			return true, "", nil
		}
		return v.counted(ctx, f, s)
	})
}

// report prints the two verdicts; the second one decides.
func (v finding) report(ctx context.Context, f *cmdutil.Factory, keys *cmdutil.Keys) error {
	out, err := v.judged(ctx, f, keys)
	if err != nil {
		return err
	}
	if err := f.Emit(out, func() {
		printVerdict(f, out, receiptWords(ctx, f.Opened(), v.Receipt))
	}); err != nil || out.OK {
		return err
	}
	return v.untrusted()
}

// untrusted is the error for an intact receipt with an untrusted signer.
func (v finding) untrusted() error {
	s := v.Signers[slices.IndexFunc(v.Signers, func(s evidence.Signer) bool { return !s.Trusted })]
	return clierr.New(clierr.Refused, "receipt %s is intact, but nobody here trusts its %s %s", v.ID.Short(), s.What, s.Agent).
		On(v.ID.String()).With("if you trust that key: --trust " + s.Key)
}

// counted reports whether the current repository, if any, trusted an agent when the receipt was signed, and on what
// basis.
func (v finding) counted(ctx context.Context, f *cmdutil.Factory, s evidence.Signer) (bool, string, error) {
	if _, err := repo.Find(f.From); err != nil {
		return false, "", nil
	}
	n, err := f.Repo(ctx)
	if err != nil {
		return false, "", err
	}
	if s.Role != "" {
		return n.Judge.Approved(ctx, s.Agent, s.Role, v.ID, v.Receipt), "", nil
	}
	counted, under := n.Judge.SignedUnder(ctx, s.Agent, v.ID, v.Receipt)
	return counted, under, nil
}

func printVerdict(f *cmdutil.Factory, v evidence.Verdict, says []cmdutil.Word) {
	f.IO.Printf("intact: receipt %s, status %d\n", f.IO.Hash(v.Receipt.String()), v.Status)
	f.Words(says)
	for _, s := range v.Signers {
		word := "trusted"
		if !s.Trusted {
			word = "not trusted"
		}
		if s.Under != "" {
			word += ", " + s.Under
		}
		f.IO.Wrap("", f.IO.Hashes(fmt.Sprintf("%s: %s %s", word, s.What, s.Agent)))
	}
	if v.OK {
		f.IO.Printf("ok\n")
	}
}

// presented reads the input to verify: the bytes of one receipt, or the lines of many.
func presented(ctx context.Context, f *cmdutil.Factory, name string) (data []byte, lines *bufio.Reader, done func(), err error) {
	r, done, err := f.Open(name)
	if e, ok := clierr.As(err); ok && e.Code == clierr.NotFound {
		data, err = receiptOf(ctx, f, name)
		return data, nil, func() {}, err
	}
	if err != nil {
		return nil, nil, nil, err
	}
	in := bufio.NewReader(r)
	many, in, err := evidence.Many(in)
	if err == nil && !many {
		data, err = f.ReadFrom(name, in)
		in = nil
	}
	if err != nil {
		done()
	}
	return data, in, done, err
}

// known are the agents whose checkpoints can be opened.
func (v finding) known(keys *cmdutil.Keys) []object.AgentID {
	agents := append([]object.AgentID{v.Receipt.Signer}, keys.Agents...)
	if v.Log != nil {
		agents = append(agents, v.Log.Signer)
	}
	return agents
}

// proved checks a tlog-proof of the receipt.
func (v finding) proved(f *cmdutil.Factory, name string, keys *cmdutil.Keys) error {
	text, err := f.ReadText(name)
	if err != nil {
		return err
	}
	c, err := mlog.CheckProofText(text, ledger.Leaf(ledger.EntryReceipt, v.Raw), v.known(keys)...)
	if err != nil {
		return clierr.New(clierr.Invalid, "%s: %w", name, err).On(name)
	}
	_, note, _ := bytes.Cut(text, []byte("\n\n"))
	v.Under(c, note)
	return nil
}

// included checks that the receipt is in the log of a checkpoint that was kept elsewhere.
func (v finding) included(ctx context.Context, f *cmdutil.Factory, d *demands) error {
	name, text := d.name, d.checkpoint
	c, err := mlog.OpenCheckpoint(text, v.known(d.keys)...)
	if err != nil {
		return clierr.New(clierr.Invalid, "%s: %w", name, err).On(name)
	}
	switch {
	case v.Log == nil || v.Log.Size != c.Size && c.Origin == v.Log.Origin:
		if err := v.includedHere(ctx, f, c); err != nil {
			return clierr.New(clierr.Invalid, "%s: %w", name, err).On(name).
				With("run this where the ledger is: mythos receipt export " + v.ID.String() + " --checkpoint " + name)
		}
	case *v.Log != c:
		return clierr.New(clierr.Invalid, "%s: %w: it is not the checkpoint of the evidence (%s, %d entries)", name, mlog.ErrCheckpoint, v.Log.Origin, v.Log.Size).On(name)
	}
	v.Under(c, text)
	return nil
}

// includedHere proves the receipt's place under a checkpoint from the current repository's ledger.
func (v finding) includedHere(ctx context.Context, f *cmdutil.Factory, c mlog.Checkpoint) error {
	if _, err := repo.Find(f.From); err != nil {
		return fmt.Errorf("%w: nothing here proves the receipt under a checkpoint of %d entries", mlog.ErrCheckpoint, c.Size)
	}
	n, err := f.Repo(ctx)
	if err != nil {
		return err
	}
	seq, err := n.Ledger.ReceiptSeq(ctx, v.ID)
	if err != nil {
		return err
	}
	proof, err := n.Ledger.Prover(ctx).Inclusion(c.Size, seq)
	if err != nil {
		return err
	}
	return mlog.CheckInclusion(c, seq, ledger.Leaf(ledger.EntryReceipt, v.Raw), proof)
}

// witnessed checks the cosignatures on the checkpoint.
func (v finding) witnessed(witnesses []object.AgentID) error {
	if len(witnesses) == 0 {
		return nil
	}
	if v.Log == nil {
		return clierr.Usagef("--witness needs evidence or --checkpoint: a receipt alone has no checkpoint")
	}
	if err := cosignedBy(v.Note, v.Log.Signer, witnesses); err != nil {
		return clierr.New(clierr.Invalid, "%w", err).On(v.ID.String())
	}
	return nil
}
