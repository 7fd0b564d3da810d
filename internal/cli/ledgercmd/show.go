package ledgercmd

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/mythos-project/mythos/internal/catalog"
	"github.com/mythos-project/mythos/internal/cli/clierr"
	"github.com/mythos-project/mythos/internal/cli/cmdutil"
	"github.com/mythos-project/mythos/internal/repo"
	"github.com/mythos-project/mythos/internal/ui"
	"github.com/mythos-project/mythos/ledger"
	"github.com/mythos-project/mythos/object"
)

func newShow(f *cmdutil.Factory) *cobra.Command {
	var tool string
	c := &cobra.Command{
		Use: "show KEY|IDEM_ID [--tool T]", Short: "Show the state of an effect, with its whole history",
		Example: "  mythos ledger show my-key --tool wc", Args: cmdutil.Args(1, 1),
		RunE: func(c *cobra.Command, args []string) error { return runShow(c.Context(), f, args[0], tool) },
	}
	c.Flags().StringVar(&tool, "tool", "", "the tool that the key belongs to")
	return c
}

// effect finds the effect with a key, an id or the beginning of an id.
func effect(ctx context.Context, n *repo.Repo, name, tool string) (object.Hash, error) {
	if tool != "" {
		id, err := n.Toolbox.ID(ctx, tool)
		return ledger.IdemID(id, []byte(name)), err
	}
	if h, err := object.ParseHash(name); err == nil {
		return h, nil
	}
	found, err := n.Ledger.FindKey(ctx, []byte(name))
	if key, ok := ledger.ParseKeyHex(name); ok && err == nil && len(found) == 0 {
		found, err = n.Ledger.FindKey(ctx, key)
	}
	switch {
	case err != nil:
		return object.Hash{}, err
	case len(found) == 0:
		if id, err := n.Find.Effect(ctx, name); err == nil || !errors.Is(err, ledger.ErrNotFound) {
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
	raw, err := object.ToJSON(s.Type(), e.Raw)
	return entryView{e.Seq, e.KindName(), raw}, err
}

func runShow(ctx context.Context, f *cmdutil.Factory, name, tool string) error {
	n, err := f.Repo(ctx)
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
			v.Tool, v.Key = n.Toolbox.Name(ctx, e.Register.ToolID), ledger.KeyText(e.Register.IdempotencyKey)
		}
	}
	return f.Emit(v, func() {
		f.IO.Printf("effect %s\ntool   %s\nkey    %s\nstate  %s\n", idem, ui.Clean(v.Tool), ui.Clean(v.Key), f.IO.Paint(meaning(v.State), v.State))
		for _, e := range s.History {
			f.IO.Wrap(fmt.Sprintf("  %6d  %s  %-10s  ", e.Seq, f.ShowTime(e.Time()), e.KindName()), ui.Clean(summary(ctx, n, e)))
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

// summary describes an entry briefly.
func summary(ctx context.Context, n *repo.Repo, e ledger.Entry) string {
	switch {
	case e.Register != nil:
		text := fmt.Sprintf("%s by %s, lease until %s", n.Toolbox.Name(ctx, e.Register.ToolID), cmp.Or(e.Register.Owner.Hint, e.Register.Owner.Name()), e.Register.LeaseExpiresAt)
		if e.Register.Fence != nil {
			text = fmt.Sprintf("attempt %d: %s", *e.Register.Fence, text)
		}
		return text
	case e.Commit != nil:
		return fmt.Sprintf("status %d, receipt %s", e.Commit.Status, e.Commit.ReceiptID.Short())
	case e.Receipt != nil:
		return fmt.Sprintf("%s, status %d", n.Toolbox.Name(ctx, e.Receipt.ToolID), e.Receipt.Status)
	case e.Mark != nil:
		reasons := map[uint8]string{1: "another request", 2: "another response", 3: "another commit"}
		return "same key, " + reasons[e.Mark.Reason]
	}
	r := e.Resolution
	if r.ByOwner() {
		how := map[uint8]string{ledger.ResolveRelease: "did not start: the key is free", ledger.ResolveStop: "was stopped: its outcome is unknown"}[r.Decision]
		return fmt.Sprintf("attempt %d %s", *r.About, how)
	}
	text := fmt.Sprintf("%s by %s", decisionNames[r.Decision], r.Signer)
	if r.About != nil {
		text = fmt.Sprintf("attempt %d: %s", *r.About, text)
	}
	if e.Unverified {
		text += ", who is not an operator here"
	}
	if e.Resolution.Notes != nil {
		text += ": " + *e.Resolution.Notes
	}
	return text
}
