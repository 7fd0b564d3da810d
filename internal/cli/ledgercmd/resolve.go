package ledgercmd

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/mythos-project/mythos/internal/cli/clierr"
	"github.com/mythos-project/mythos/internal/cli/cmdutil"
	"github.com/mythos-project/mythos/ledger"
	"github.com/mythos-project/mythos/object"
)

// decisionNames are the decisions of resolutions, by their number.
var decisionNames = []string{ledger.ResolveRetry: "retry", ledger.ResolveAbandon: "abandon", ledger.ResolveAccept: "accept"}

// Decisions are the values of --decision.
func Decisions() []string { return slices.Clone(decisionNames[1:]) }

type resolveOptions struct {
	Tool, Decision, Note string
	Evidence             []string
	Attempt              uint64
}

func newResolve(f *cmdutil.Factory) *cobra.Command {
	o := &resolveOptions{}
	c := &cobra.Command{
		Use:   "resolve KEY|IDEM_ID --decision retry|abandon|accept [--attempt N] [--evidence HASH]... [--note TEXT]",
		Short: "Decide, signed, about an unknown outcome, a failure or a divergence",
		Long: "The decision is appended; nothing is deleted. retry: the effect did not happen or failed, and its request may\n" +
			"run again. abandon: it must not run again. accept: the outcome in the receipt that --evidence names is right,\n" +
			"and is replayed. A decision is about one attempt, by default the latest. With --attempt N, it is refused if\n" +
			"there is a later attempt (6).",
		Example: "  mythos ledger resolve my-key --tool deploy --decision accept --evidence 3f9c01 --note 'the first one is live'",
		Args:    cmdutil.Args(1, 1),
		RunE:    func(c *cobra.Command, args []string) error { return runResolve(c.Context(), f, args[0], o) },
	}
	c.Flags().StringVar(&o.Tool, "tool", "", "the tool that the key belongs to")
	c.Flags().StringVar(&o.Decision, "decision", "", "retry, abandon or accept")
	c.Flags().StringArrayVar(&o.Evidence, "evidence", nil, "what the decision is based on: an object's hash; for accept, the receipt that is right; may be repeated")
	c.Flags().Uint64Var(&o.Attempt, "attempt", 0, "the attempt to decide on, by its number in mythos ledger show; the latest by default")
	cmdutil.TextVar(c.Flags(), &o.Note, "note", "why, for those who read the ledger")
	return c
}

func runResolve(ctx context.Context, f *cmdutil.Factory, name string, o *resolveOptions) error {
	decision := slices.Index(decisionNames, o.Decision)
	if decision < 1 {
		return clierr.Usagef("--decision is %s", strings.Join(decisionNames[1:], ", "))
	}
	if uint8(decision) == ledger.ResolveAccept && len(o.Evidence) == 0 {
		return clierr.Usagef("--decision accept needs --evidence RECEIPT: which of the recorded outcomes is right").With("mythos ledger show " + name)
	}
	n, err := f.Repo(ctx)
	if err != nil {
		return err
	}
	idem, err := effect(ctx, n, name, o.Tool)
	if err != nil {
		return err
	}
	var evidence []object.Hash
	for _, text := range o.Evidence {
		h, err := f.Resolve(ctx, text)
		if err != nil {
			return err
		}
		evidence = append(evidence, h)
	}
	s, err := n.Ledger.Read(ctx, idem)
	if err != nil {
		return err
	}
	about := cmp.Or(o.Attempt, s.Fence)
	err = n.Ledger.Resolve(ctx, idem, uint8(decision), about, evidence, o.Note)
	switch {
	case err == nil:
		f.IO.Notef("decided about attempt %d", about)
	case errors.Is(err, ledger.ErrNotOperator):
		return clierr.New(clierr.Refused, "%w", err).On(idem.String())
	case errors.Is(err, ledger.ErrNotResolvable):
		return clierr.New(clierr.Refused, "%w", err).On(idem.String()).With("mythos ledger show " + idem.String())
	}
	return err
}
