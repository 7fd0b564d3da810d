package objectcmd

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/spf13/cobra"

	"github.com/mythos-project/mythos/internal/catalog"
	"github.com/mythos-project/mythos/internal/cli/cmdutil"
	"github.com/mythos-project/mythos/internal/repo"
	"github.com/mythos-project/mythos/internal/ui"
	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/object/can"
	"github.com/mythos-project/mythos/object/sign"
	"github.com/mythos-project/mythos/store"
)

// NewShow is `mythos show`.
func NewShow(f *cmdutil.Factory) *cobra.Command {
	return f.Returns(&cobra.Command{
		Use: "show OBJECT", Short: "Show any object: decoded, verified, explained",
		Long: "OBJECT is a hash, a unique prefix of 6 or more digits, or a ref. It names an object, a receipt, a blob, a node,\n" +
			"a run or a tool. Show says in plain words what the object states, whether its id and signature hold, who signed\n" +
			"it, what it refers to, and whether that is here. Its fields follow; when piped and with --json, as JSON.",
		Example: "  mythos show @ring0", Args: cmdutil.Args(1, 1),
		RunE: func(c *cobra.Command, args []string) error { return runShow(c.Context(), f, args[0]) },
	}, showResults)
}

func runShow(ctx context.Context, f *cmdutil.Factory, name string) error {
	id, err := f.Resolve(ctx, name)
	if err != nil {
		return err
	}
	n, err := f.Repo(ctx)
	if err != nil {
		return err
	}
	kind, raw, err := n.Find.Object(ctx, id)
	if errors.Is(err, store.ErrNotFound) {
		return showOther(ctx, f, n, id, err)
	}
	if err != nil {
		return err
	}
	e, err := explain(ctx, n, id, kind, raw)
	if err != nil {
		return invalid(name, err)
	}
	return printExplained(f, e)
}

// showOther shows something that is not an object: a tool, or plain bytes.
func showOther(ctx context.Context, f *cmdutil.Factory, n *repo.Repo, id object.Hash, notFound error) error {
	if t, err := n.Tools.Get(ctx, id); err == nil {
		raw, err := can.Marshal(&t)
		if err != nil {
			return err
		}
		e, err := explain(ctx, n, id, "Tool", raw)
		if err != nil {
			return err
		}
		return printExplained(f, e)
	}
	data, err := n.Store.Bytes(ctx, id)
	if err != nil {
		return notFound
	}
	e := &explained{ID: id, Kind: "Bytes", Verdict: verified,
		Says: []string{fmt.Sprintf("%s of plain bytes, such as a request, a response, a trace or a program.", ui.Size(uint64(len(data))))}}
	if utf8.Valid(data) && len(data) <= 4<<10 {
		e.Text = string(data)
	}
	return printExplained(f, e)
}

const verified = "verified"

// explain describes an object.
func explain(ctx context.Context, n *repo.Repo, id object.Hash, kind string, raw []byte) (*explained, error) {
	e := &explained{ID: id, Kind: kind, Verdict: verified}
	s, ok := catalog.Lookup(kind)
	if !ok {
		return nil, fmt.Errorf("it is a %s, a kind that show cannot explain", kind)
	}
	var err error
	if e.Object, err = object.ToJSON(s.Type(), raw); err != nil {
		return nil, err
	}
	if err := s.Check(raw); err != nil {
		e.Verdict = err.Error()
	} else if err := sign.VerifyOwn(s.Rule, raw); err != nil {
		e.Verdict = err.Error()
	}
	e.Says = sentences(ctx, n, kind, raw)
	if signer := signerOf(s, raw); signer != nil {
		e.SignedBy = signer.KeyHex()
		e.Says = append(e.Says, signature(n, *signer))
	}
	e.RefersTo = relations(ctx, n, id, s.Type(), raw)
	return e, nil
}

// signerOf is the agent that an object names as its signer.
func signerOf(s object.Struct, raw []byte) *object.AgentID {
	var signer object.AgentID
	if s.Rule.Signer == 0 || fieldInto(raw, s.Rule.Signer, &signer) != nil {
		return nil
	}
	return &signer
}

func signature(n *repo.Repo, signer object.AgentID) string {
	if signer.Same(n.Self()) {
		return "It is signed by this repository's own key."
	}
	if e, ok := n.Trust.ByAgent(signer); ok {
		return fmt.Sprintf("It is signed by %s, which trust.yaml trusts for %v.", e.Name, e.For)
	}
	return "It is signed by " + signer.KeyHex() + ", which is not trusted here: `mythos trust add` would change that."
}

func printExplained(f *cmdutil.Factory, e *explained) error {
	if f.JSON {
		return f.Emit(e, nil)
	}
	mark := ui.Good
	if e.Verdict != verified {
		mark = ui.Bad
	}
	gap := "  "
	if f.IO.OutTTY { // a hash and more do not fit its line
		gap = "\n  "
	}
	f.IO.Printf("%s %s%s%s\n", f.IO.Paint(ui.Strong, e.Kind), f.IO.Paint(ui.Name, e.ID.String()), gap, f.IO.Paint(mark, ui.Clean(e.Verdict)))
	for _, line := range e.Says {
		f.IO.Wrap("  ", f.IO.Hashes(ui.Clean(line)))
	}
	if len(e.RefersTo) > 0 {
		f.IO.Printf("\n%s\n", f.IO.Paint(ui.Dim, "refers to"))
	}
	for _, r := range e.RefersTo {
		here := f.IO.Paint(ui.Dim, "not here")
		if r.Kind != "" {
			here = r.Kind
		}
		f.IO.Printf("  %-24s %s  %s\n", r.Field, f.IO.Paint(ui.Name, f.IO.Hash(r.Hash.String())), here)
	}
	if e.Text != "" {
		f.IO.Printf("\n%s\n", ui.CleanLines(strings.TrimRight(e.Text, "\n")))
	}
	if e.Object == nil {
		return nil
	}
	f.IO.Printf("\n")
	f.PrintView("  ", e.Object)
	return nil
}
