// Package ledgercmd holds the commands over the ledger and its receipts.
package ledgercmd

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/mythos-project/mythos/internal/catalog"
	"github.com/mythos-project/mythos/internal/cli/clierr"
	"github.com/mythos-project/mythos/internal/cli/cmdutil"
	"github.com/mythos-project/mythos/internal/node"
	"github.com/mythos-project/mythos/internal/ui"
	"github.com/mythos-project/mythos/ledger"
	"github.com/mythos-project/mythos/object"
)

// NewLedger is `mythos ledger`.
func NewLedger(f *cmdutil.Factory) *cobra.Command {
	return f.Returns(cmdutil.Noun("ledger", "Which effects happened, provably", newShow(f), newLog(f), newVerify(f), newCheckpoint(f), newResolve(f)), ledgerResults)
}

func newShow(f *cmdutil.Factory) *cobra.Command {
	var tool string
	c := &cobra.Command{
		Use: "show KEY|IDEM_ID [--tool T]", Short: "Show where an effect stands, with its whole history",
		Example: "  mythos ledger show my-key --tool wc", Args: cmdutil.Args(1, 1),
		RunE: func(c *cobra.Command, args []string) error { return runShow(c.Context(), f, args[0], tool) },
	}
	c.Flags().StringVar(&tool, "tool", "", "the tool that the key belongs to")
	return c
}

// effect finds the effect that a key or an id names.
func effect(ctx context.Context, n *node.Node, name, tool string) (object.Hash, error) {
	if tool != "" {
		id, err := n.ToolID(ctx, tool)
		return ledger.IdemID(id, []byte(name)), err
	}
	if h, err := object.ParseHash(name); err == nil {
		return h, nil
	}
	var found []object.Hash
	err := n.Ledger.Log(ctx, ledger.Filter{Kind: ledger.EntryRegister}, func(e ledger.Entry) error {
		if id := e.Register.IdemID; string(e.Register.IdempotencyKey) == name && (len(found) == 0 || found[len(found)-1] != id) {
			found = append(found, id)
		}
		return nil
	})
	switch {
	case err != nil:
		return object.Hash{}, err
	case len(found) == 0:
		if id, err := n.ResolveEffect(ctx, name); err == nil || !errors.Is(err, ledger.ErrNotFound) {
			return id, err
		}
		return object.Hash{}, clierr.New(clierr.NotFound, "no effect with key %q", name).On(name)
	case len(found) > 1:
		return object.Hash{}, clierr.Usagef("key %q was used with several tools", name).With("name one with --tool")
	}
	return found[0], nil
}

type stateView struct {
	IdemID  object.Hash `json:"idem_id"`
	State   string      `json:"state"`
	Tool    string      `json:"tool,omitempty"`
	Key     string      `json:"idempotency_key,omitempty"`
	Fence   uint64      `json:"fence"`
	History []entryView `json:"history"`
}

type entryView struct {
	Seq   uint64          `json:"seq"`
	Kind  string          `json:"kind"`
	Entry json.RawMessage `json:"entry"`
}

var structNames = map[byte]string{ledger.EntryReceipt: "Receipt", ledger.EntryRegister: "EffectRegister", ledger.EntryCommit: "EffectCommit",
	ledger.EntryDivergence: "DivergenceMark", ledger.EntryResolution: "Resolution"}

func viewOf(e ledger.Entry) (entryView, error) {
	s, _ := catalog.Lookup(structNames[e.Kind])
	raw, err := object.ToJSON(s.Type, e.Raw)
	return entryView{e.Seq, e.KindName(), raw}, err
}

func runShow(ctx context.Context, f *cmdutil.Factory, name, tool string) error {
	n, err := f.Node(ctx)
	if err != nil {
		return err
	}
	idem, err := effect(ctx, n, name, tool)
	if err != nil {
		return err
	}
	s, err := n.Ledger.Read(ctx, idem)
	if err != nil {
		return err
	}
	if len(s.History) == 0 {
		return clierr.New(clierr.NotFound, "effect %s was never registered", idem).On(idem.String())
	}
	v := stateView{IdemID: idem, State: s.At(f.Now()).String(), Fence: s.Fence}
	for _, e := range s.History {
		ev, err := viewOf(e)
		if err != nil {
			return err
		}
		v.History = append(v.History, ev)
		if e.Register != nil {
			v.Tool, v.Key = n.ToolName(ctx, e.Register.ToolID), string(e.Register.IdempotencyKey)
		}
	}
	return f.Emit(v, func() {
		f.IO.Printf("effect %s\ntool   %s\nkey    %s\nstate  %s\n", idem, v.Tool, v.Key, f.IO.Paint(meaning(v.State), v.State))
		for _, e := range s.History {
			f.IO.Printf("  %6d  %s  %-10s  %s\n", e.Seq, e.Time(), e.KindName(), summary(ctx, n, e))
		}
	})
}

func meaning(state string) ui.Meaning {
	switch state {
	case "committed":
		return ui.Good
	case "divergent", "abandoned":
		return ui.Bad
	}
	return ui.Warn
}

// summary says in a few words what an entry is about.
func summary(ctx context.Context, n *node.Node, e ledger.Entry) string {
	switch {
	case e.Register != nil:
		return fmt.Sprintf("%s by %s, lease until %s", n.ToolName(ctx, e.Register.ToolID), e.Register.Owner.Hint, e.Register.LeaseExpiresAt)
	case e.Commit != nil:
		return fmt.Sprintf("status %d, receipt %s", e.Commit.Status, e.Commit.ReceiptID.Short())
	case e.Receipt != nil:
		return fmt.Sprintf("%s, status %d", n.ToolName(ctx, e.Receipt.ToolID), e.Receipt.Status)
	case e.Mark != nil:
		reasons := map[uint8]string{1: "another request", 2: "another response", 3: "another commit"}
		return "same key, " + reasons[e.Mark.Reason]
	}
	return map[uint8]string{1: "may run again", 2: "abandoned"}[e.Resolution.Decision]
}

type logOptions struct {
	Since, Until, Tool, State, Agent string
}

func newLog(f *cmdutil.Factory) *cobra.Command {
	o := &logOptions{}
	c := &cobra.Command{
		Use: "log [--since T] [--until T] [--tool T] [--state KIND] [--agent A]", Short: "List the entries of the log, oldest first",
		Example: "  mythos ledger log --tool wc --state commit", Args: cmdutil.Args(0, 0),
		RunE: func(c *cobra.Command, _ []string) error { return runLog(c.Context(), f, o) },
	}
	c.Flags().StringVar(&o.Since, "since", "", "from this time on (RFC 3339 or a date)")
	c.Flags().StringVar(&o.Until, "until", "", "before this time")
	c.Flags().StringVar(&o.Tool, "tool", "", "only this tool")
	c.Flags().StringVar(&o.State, "state", "", "only entries of this kind: receipt, register, commit, divergence, resolution")
	c.Flags().StringVar(&o.Agent, "agent", "", "only receipts and registers of this agent")
	return c
}

func (o *logOptions) filter(ctx context.Context, n *node.Node) (f ledger.Filter, err error) {
	for text, at := range map[string]*object.Time{o.Since: &f.Since, o.Until: &f.Until} {
		if text == "" {
			continue
		}
		if *at, err = object.ParseTime(text); err != nil {
			return f, clierr.Usagef("%w", err)
		}
	}
	if o.Tool != "" {
		if f.Tool, err = n.ToolID(ctx, o.Tool); err != nil {
			return f, err
		}
	}
	if o.Agent != "" {
		a, err := n.AgentNamed(o.Agent)
		if err != nil {
			return f, err
		}
		f.Agent = &a
	}
	kinds := map[string]byte{"": 0, "receipt": ledger.EntryReceipt, "register": ledger.EntryRegister, "commit": ledger.EntryCommit,
		"committed": ledger.EntryCommit, "divergence": ledger.EntryDivergence, "divergent": ledger.EntryDivergence, "resolution": ledger.EntryResolution}
	kind, ok := kinds[o.State]
	if !ok {
		return f, clierr.Usagef("--state %s: expected receipt, register, commit, divergence or resolution", o.State)
	}
	f.Kind = kind
	return f, nil
}

func runLog(ctx context.Context, f *cmdutil.Factory, o *logOptions) error {
	n, err := f.Node(ctx)
	if err != nil {
		return err
	}
	filter, err := o.filter(ctx, n)
	if err != nil {
		return err
	}
	var rows [][]ui.Cell
	err = n.Ledger.Log(ctx, filter, func(e ledger.Entry) error {
		if f.JSON {
			v, err := viewOf(e)
			if err != nil {
				return err
			}
			return f.Emit(v, nil)
		}
		rows = append(rows, []ui.Cell{{Text: fmt.Sprint(e.Seq), Meaning: ui.Dim}, {Text: e.Time().String()}, {Text: e.KindName()}, {Text: summary(ctx, n, e)}})
		return nil
	})
	if err == nil && !f.JSON {
		f.IO.Table([]string{"seq", "time", "kind", "what"}, rows)
	}
	return err
}

func newVerify(f *cmdutil.Factory) *cobra.Command {
	var checkpoint string
	c := &cobra.Command{
		Use: "verify [--checkpoint FILE]", Short: "Recompute the whole ledger; with a kept checkpoint, also that nothing before it changed",
		Example: "  mythos ledger verify", Args: cmdutil.Args(0, 0),
		RunE: func(c *cobra.Command, _ []string) error { return runVerify(c.Context(), f, checkpoint) },
	}
	c.Flags().StringVar(&checkpoint, "checkpoint", "", "a checkpoint that was kept elsewhere")
	return c
}

func runVerify(ctx context.Context, f *cmdutil.Factory, checkpoint string) error {
	n, err := f.Node(ctx)
	if err != nil {
		return err
	}
	rep, err := n.Ledger.Verify(ctx)
	if err != nil {
		return clierr.New(clierr.Invalid, "%w", err).With("compare with a checkpoint kept elsewhere, and restore from a backup")
	}
	if checkpoint != "" {
		data, err := f.Read(checkpoint)
		if err != nil {
			return err
		}
		old, err := ledger.OpenCheckpoint(data, append(n.Trust.Agents(f.Now()), n.Self())...)
		if err == nil {
			err = n.Ledger.CheckConsistent(ctx, old)
		}
		if err != nil {
			return clierr.New(clierr.Invalid, "%w", err).On(checkpoint)
		}
	}
	return f.Emit(rep, func() {
		f.IO.Printf("ok: %d entries, %d effects, %d divergent, %d pending\n", rep.Entries, rep.Effects, rep.Divergent, rep.Pending)
	})
}

func newCheckpoint(f *cmdutil.Factory) *cobra.Command {
	return &cobra.Command{
		Use: "checkpoint", Short: "Print a signed checkpoint to publish", Example: "  mythos ledger checkpoint > checkpoint.txt", Args: cmdutil.Args(0, 0),
		RunE: func(c *cobra.Command, _ []string) error {
			n, err := f.Node(c.Context())
			if err != nil {
				return err
			}
			text, err := n.Ledger.Checkpoint(c.Context())
			if err != nil {
				return err
			}
			f.IO.Printf("%s", text)
			return nil
		},
	}
}

func newResolve(f *cmdutil.Factory) *cobra.Command {
	var tool, decision, note string
	c := &cobra.Command{
		Use: "resolve KEY|IDEM_ID --decision retry|abandon [--note TEXT]", Short: "Decide, signed, what becomes of an effect with unknown outcome or a divergent history",
		Example: "  mythos ledger resolve my-key --tool deploy --decision abandon --note 'it did happen'", Args: cmdutil.Args(1, 1),
		RunE: func(c *cobra.Command, args []string) error {
			decisions := map[string]uint8{"retry": ledger.ResolveRetry, "abandon": ledger.ResolveAbandon}
			d, ok := decisions[decision]
			if !ok {
				return clierr.Usagef("--decision is retry or abandon")
			}
			n, err := f.Node(c.Context())
			if err != nil {
				return err
			}
			idem, err := effect(c.Context(), n, args[0], tool)
			if err != nil {
				return err
			}
			return n.Ledger.Resolve(c.Context(), idem, d, nil, note)
		},
	}
	c.Flags().StringVar(&tool, "tool", "", "the tool that the key belongs to")
	c.Flags().StringVar(&decision, "decision", "", "retry: it did not happen and may run; abandon: it shall not run again")
	c.Flags().StringVar(&note, "note", "", "why, for those who read the ledger")
	return c
}
