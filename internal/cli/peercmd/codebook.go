package peercmd

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/mythos-project/mythos/caps"
	"github.com/mythos-project/mythos/exec/ir"
	"github.com/mythos-project/mythos/internal/calls"
	"github.com/mythos-project/mythos/internal/cli/clierr"
	"github.com/mythos-project/mythos/internal/cli/cmdutil"
	"github.com/mythos-project/mythos/internal/codebook"
	"github.com/mythos-project/mythos/internal/peer/codebooks"
	"github.com/mythos-project/mythos/internal/repo"
	"github.com/mythos-project/mythos/internal/ui"
	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/packet"
	"github.com/mythos-project/mythos/store"
)

// NewCodebook is `mythos codebook`.
func NewCodebook(f *cmdutil.Factory) *cobra.Command {
	return f.Returns(cmdutil.Noun("codebook", "Codebooks agreed on with peers, for smaller packets",
		newTrain(f), newPropose(f), newAccept(f), newCodebookLs(f), newCodebookShow(f), newCodebookRm(f)), codebookResults)
}

func newTrain(f *cmdutil.Factory) *cobra.Command {
	size := cmdutil.Size(16 << 10)
	c := &cobra.Command{
		Use: "train [BUNDLE|PACKET...] [--size N]", Short: "Make a codebook from past packets; prints its id and what it saves",
		Long: "Without arguments, it learns from the bundles of the runs recorded here, including submitted ones. One sample in\n" +
			"five is kept out for measuring: the saving is that on packets which the codebook was not made from. A codebook\n" +
			"that saves nothing is not kept.",
		Example: "  mythos codebook train --size 32KiB", Args: cmdutil.Args(0, -1),
		RunE: func(c *cobra.Command, args []string) error { return runTrain(c.Context(), f, args, int(size)) },
	}
	c.Flags().Var(&size, "size", "size of the dictionary: 256 bytes to 1MiB")
	return c
}

func runTrain(ctx context.Context, f *cmdutil.Factory, files []string, size int) error {
	if size < 256 || size > packet.MaxDictionary {
		return clierr.Usagef("--size %d: a dictionary has 256 to %d bytes", size, packet.MaxDictionary)
	}
	n, err := f.Repo(ctx)
	if err != nil {
		return err
	}
	samples, err := trainSamples(ctx, f, n, files)
	if err != nil {
		return err
	}
	t, err := n.Codebooks.Train(ctx, samples, size)
	var failed *calls.FailedError
	if errors.As(err, &failed) {
		return clierr.New(clierr.Failed, "%w", err).With("give more packets, and packets that have something in common")
	}
	if err != nil {
		return err
	}
	saved := 100 * float64(t.Baseline-t.Trained) / float64(t.Baseline)
	f.IO.Notef("%d packets that it was not made from take %d bytes instead of %d: %.1f%% less (%d without compression)",
		t.Measured, t.Trained, t.Baseline, saved, t.Plain)
	return f.Emit(trainedCodebook{t.Codebook, len(samples), t.Measured, t.Plain, t.Baseline, t.Trained, saved}, func() { f.IO.Printf("%s\n", t.Codebook) })
}

// trainSamples are the bundles in the files, or those of the recorded runs.
func trainSamples(ctx context.Context, f *cmdutil.Factory, n *repo.Repo, files []string) ([][]byte, error) {
	if len(files) == 0 {
		return n.Codebooks.PastBundles(ctx)
	}
	var samples [][]byte
	for _, name := range files {
		raw, err := f.Read(name)
		if err != nil {
			return nil, err
		}
		if n.Packets.IsPacket(raw) {
			got, err := n.Packets.Open(ctx, raw)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", name, err)
			}
			raw = got.Bundle
		} else if _, _, err := ir.Validate(raw); err != nil {
			return nil, clierr.New(clierr.Invalid, "%s: %w", name, err).On(name)
		}
		samples = append(samples, raw)
	}
	return samples, nil
}

type proposeOptions struct {
	Codebook, To, Peer, Out string
	Cap                     string
	TTL                     cmdutil.Span
}

func newPropose(f *cmdutil.Factory) *cobra.Command {
	o := &proposeOptions{TTL: cmdutil.Span(30 * 24 * time.Hour)}
	c := &cobra.Command{
		Use: "propose CODEBOOK --to AGENT (--peer PEER | -o FILE)", Short: "Sign a proposal of a codebook to a peer; prints the agreement's id",
		Long: "With --peer, the proposal goes to a peer that serves. If the peer accepts at once, or has accepted before, the\n" +
			"agreement is then in force; otherwise, propose again later to see. With -o, the offer is a file for `mythos\n" +
			"codebook accept` on the other side. Until both sides have signed, packets are written with the baseline.",
		Example: "  mythos codebook propose 3f9c01 --to build --peer build", Args: cmdutil.Args(1, 1),
		RunE: func(c *cobra.Command, args []string) error {
			o.Codebook = args[0]
			return runPropose(c.Context(), f, o)
		},
	}
	c.Flags().StringVar(&o.To, "to", "", "the agent: a public key, or a name from trust.yaml (required)")
	c.Flags().StringVar(&o.Peer, "peer", "", "where the agent serves: a URL, or a name from mythos peer ls")
	c.Flags().StringVarP(&o.Out, "output", "o", "", "the offer, as a file")
	c.Flags().StringVar(&o.Cap, "cap", "", "a blob.write capability to show, if the peer requires one: a file or an id")
	c.Flags().Var(&o.TTL, "ttl", "how long the agreement is valid, such as 30d")
	return c
}

func runPropose(ctx context.Context, f *cmdutil.Factory, o *proposeOptions) error {
	if o.To == "" || (o.Peer == "") == (o.Out == "") {
		return clierr.Usagef("codebook propose needs --to, and --peer or -o")
	}
	n, err := f.Repo(ctx)
	if err != nil {
		return err
	}
	to, err := n.AgentNamed(o.To)
	if err != nil {
		return err
	}
	id, err := f.Resolve(ctx, o.Codebook)
	if err != nil {
		return err
	}
	offer, err := n.Codebooks.Propose(ctx, id, to, time.Duration(o.TTL))
	if err != nil {
		return err
	}
	_, a, _, err := packet.OpenOffer(offer, n.Now())
	if err != nil {
		return err
	}
	stands := &codebook.Agreement{CodebookAgreement: *a}
	if o.Peer == "" {
		err = f.Write(o.Out, offer)
	} else {
		stands, err = propose(ctx, f, o, offer)
	}
	if err != nil {
		return err
	}
	return emitAgreement(f, n, stands)
}

func propose(ctx context.Context, f *cmdutil.Factory, o *proposeOptions, offer []byte) (*codebook.Agreement, error) {
	cl, err := client(ctx, f, o.Peer)
	if err != nil {
		return nil, err
	}
	var chain caps.Chain
	if o.Cap != "" {
		if chain, err = shownCap(ctx, f, o.Cap, "blob.write:NAMESPACE"); err != nil {
			return nil, err
		}
	}
	a, err := codebooks.Offer(ctx, cl, offer, chain)
	if err != nil {
		return nil, PeerError(err)
	}
	if !a.Accepted() {
		f.IO.Notef("%s keeps the proposal: accept it there with `mythos codebook accept %s`, then propose again", o.Peer, a.AgreementID.Short())
	}
	return a, nil
}

func newAccept(f *cmdutil.Factory) *cobra.Command {
	var out string
	c := &cobra.Command{
		Use: "accept OFFER|AGREEMENT [-o FILE]", Short: "Sign a proposal of a codebook, or record its acceptance",
		Long: "OFFER is a file from the other side (- for standard input). AGREEMENT is the id of a proposal that is kept here;\n" +
			"`mythos codebook ls` lists them. -o writes the offer with both signatures, and the proposer accepts it with the\n" +
			"same command.",
		Example: "  mythos codebook accept offer.bin -o accepted.bin", Args: cmdutil.Args(1, 1),
		RunE: func(c *cobra.Command, args []string) error { return runAccept(c.Context(), f, args[0], out) },
	}
	c.Flags().StringVarP(&out, "output", "o", "", "the offer with both signatures, as a file")
	return c
}

func runAccept(ctx context.Context, f *cmdutil.Factory, what, out string) error {
	n, err := f.Repo(ctx)
	if err != nil {
		return err
	}
	offer, a, err := accept(ctx, f, n, what)
	if err != nil {
		return err
	}
	if !a.Accepted() {
		return clierr.New(clierr.Refused, "%s is our own proposal: %s has not accepted it", a.AgreementID.Short(), a.Accepter).On(what)
	}
	if out != "" {
		if err := f.Write(out, offer); err != nil {
			return err
		}
	}
	return emitAgreement(f, n, a)
}

func accept(ctx context.Context, f *cmdutil.Factory, n *repo.Repo, what string) ([]byte, *codebook.Agreement, error) {
	if _, err := os.Stat(what); err == nil || what == "-" {
		raw, err := f.Read(what)
		if err != nil {
			return nil, nil, err
		}
		return n.Codebooks.TakeOffer(ctx, raw, true)
	}
	id, err := n.Codebooks.ResolveAgreement(ctx, what)
	if err != nil {
		return nil, nil, err
	}
	return n.Codebooks.Accept(ctx, id)
}

func emitAgreement(f *cmdutil.Factory, n *repo.Repo, a *codebook.Agreement) error {
	return f.Emit(agreementOf(n, a), func() { f.IO.Printf("%s\n", a.AgreementID) })
}

// agreementOf describes the state of an agreement.
func agreementOf(n *repo.Repo, a *codebook.Agreement) agreementLine {
	line := agreementLine{Codebook: a.CodebookID, Agreement: &a.AgreementID, Expires: &a.ExpiresAt, State: "proposed"}
	if other, err := a.Other(n.Self()); err == nil {
		line.With = other.KeyHex()
		line.name = n.AgentName(other)
	}
	switch {
	case n.Now() >= a.ExpiresAt:
		line.State = "expired"
	case a.Accepted():
		line.State = "in force"
	case a.Accepter.Same(n.Self()):
		line.State = "to accept"
	}
	return line
}

func newCodebookLs(f *cmdutil.Factory) *cobra.Command {
	return &cobra.Command{
		Use: "ls", Short: "List codebooks with their proposals and agreements", Example: "  mythos codebook ls", Args: cmdutil.Args(0, 0),
		RunE: func(c *cobra.Command, _ []string) error { return runCodebookLs(c.Context(), f) },
	}
}

func runCodebookLs(ctx context.Context, f *cmdutil.Factory) error {
	n, err := f.Repo(ctx)
	if err != nil {
		return err
	}
	lines, err := codebookLines(ctx, n)
	if err != nil {
		return err
	}
	var rows [][]ui.Cell
	for _, l := range lines {
		if f.JSON {
			if err := f.Emit(l, nil); err != nil {
				return err
			}
			continue
		}
		rows = append(rows, l.cells(f))
	}
	if !f.JSON {
		f.IO.Table([]string{"codebook", "agreement", "state", "with", "expires"}, rows)
	}
	return nil
}

// codebookLines are the agreements, followed by the codebooks without any.
func codebookLines(ctx context.Context, n *repo.Repo) (lines []agreementLine, err error) {
	agreed := map[object.Hash]bool{}
	err = n.Codebooks.Agreements(ctx, func(a codebook.Agreement) error {
		agreed[a.CodebookID] = true
		lines = append(lines, agreementOf(n, &a))
		return nil
	})
	if err != nil {
		return nil, err
	}
	return lines, n.Store.Objects(ctx, "Codebook", func(o store.Object) error {
		if !agreed[o.ID] {
			lines = append(lines, agreementLine{Codebook: o.ID, State: "not proposed"})
		}
		return nil
	})
}

func (l *agreementLine) cells(f *cmdutil.Factory) []ui.Cell {
	row := []ui.Cell{{Text: f.IO.Hash(l.Codebook.String()), Meaning: ui.Name}, {}, {Text: l.State}, {}, {}}
	if l.Agreement != nil {
		row[1].Text = f.IO.Hash(l.Agreement.String())
		row[4].Text = l.Expires.String()
	}
	row[3].Text = cmp.Or(l.name, l.With)
	return row
}

func newCodebookShow(f *cmdutil.Factory) *cobra.Command {
	return &cobra.Command{
		Use: "show CODEBOOK", Short: "Show what a codebook holds, and who has agreed on it", Example: "  mythos codebook show 3f9c01", Args: cmdutil.Args(1, 1),
		RunE: func(c *cobra.Command, args []string) error { return runCodebookShow(c.Context(), f, args[0]) },
	}
}

func runCodebookShow(ctx context.Context, f *cmdutil.Factory, name string) error {
	n, err := f.Repo(ctx)
	if err != nil {
		return err
	}
	id, err := f.Resolve(ctx, name)
	if err != nil {
		return err
	}
	cb, err := n.Codebooks.Get(ctx, id)
	if err != nil {
		return err
	}
	view := codebookView{Codebook: id, Entries: len(cb.Entries), Dictionary: len(cb.Dictionary), Agreements: []agreementLine{}}
	err = n.Codebooks.Agreements(ctx, func(a codebook.Agreement) error {
		if a.CodebookID == id {
			view.Agreements = append(view.Agreements, agreementOf(n, &a))
		}
		return nil
	})
	if err != nil {
		return err
	}
	return f.Emit(view, func() {
		f.IO.Printf("%d entries and a dictionary of %s for codec 2.\n", view.Entries, ui.Size(uint64(view.Dictionary)))
		for _, a := range view.Agreements {
			f.IO.Printf("%s with %s until %s (agreement %s)\n", a.State, cmp.Or(a.name, a.With), a.Expires, a.Agreement.Short())
		}
	})
}

func newCodebookRm(f *cmdutil.Factory) *cobra.Command {
	return &cobra.Command{
		Use: "rm AGREEMENT", Short: "Withdraw a proposal or an agreement; its packets are then refused",
		Example: "  mythos codebook rm 3f9c01", Args: cmdutil.Args(1, 1),
		RunE: func(c *cobra.Command, args []string) error {
			n, err := f.Repo(c.Context())
			if err != nil {
				return err
			}
			id, err := n.Codebooks.ResolveAgreement(c.Context(), args[0])
			if err != nil {
				return err
			}
			return n.Codebooks.RemoveAgreement(c.Context(), id)
		},
	}
}
