package ledgercmd

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/spf13/cobra"

	"github.com/mythos-project/mythos/caps"
	"github.com/mythos-project/mythos/exec/output"
	"github.com/mythos-project/mythos/internal/cli/clierr"
	"github.com/mythos-project/mythos/internal/cli/cmdutil"
	"github.com/mythos-project/mythos/internal/overview"
	"github.com/mythos-project/mythos/internal/repo"
	"github.com/mythos-project/mythos/internal/ui"
	"github.com/mythos-project/mythos/ledger"
	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/store"
)

type receiptShowOptions struct {
	Request, Response bool
	Out               string
}

func newReceiptShow(f *cmdutil.Factory) *cobra.Command {
	o := &receiptShowOptions{}
	c := &cobra.Command{
		Use: "show ID [--request|--response] [-o FILE]", Short: "Show what a tool was asked and answered, by whom, and under which capability",
		Long: "--response and --request write the bytes themselves, if they are kept: responses are, requests only with\n" +
			"--capture. --json prints the receipt as it was signed.",
		Example: "  mythos receipt show 3f9c01\n  mythos receipt show 3f9c01 --response > answer", Args: cmdutil.Args(1, 1),
		RunE: func(c *cobra.Command, args []string) error { return runReceiptShow(c.Context(), f, args[0], o) },
	}
	c.Flags().BoolVar(&o.Request, "request", false, "only the bytes of the request")
	c.Flags().BoolVar(&o.Response, "response", false, "only the bytes of the response")
	c.Flags().StringVarP(&o.Out, "output", "o", "", "write them to this file; standard output by default")
	c.MarkFlagsMutuallyExclusive("request", "response")
	return c
}

func runReceiptShow(ctx context.Context, f *cmdutil.Factory, name string, o *receiptShowOptions) error {
	if o.Out != "" && !o.Request && !o.Response {
		return clierr.Usagef("-o goes with --request or --response")
	}
	raw, err := receiptOf(ctx, f, name)
	if err != nil {
		return err
	}
	r, _, err := ledger.OpenReceipt(raw)
	if err != nil {
		return clierr.New(clierr.Invalid, "receipt %s: %w", name, err).On(name)
	}
	n, err := f.Repo(ctx)
	if err != nil {
		return err
	}
	switch {
	case o.Request:
		return writePayload(ctx, f, n, "request", r.RequestHash, o.Out)
	case o.Response:
		return writePayload(ctx, f, n, "response", r.ResponseHash, o.Out)
	case f.JSON:
		return f.EmitObject("Receipt", raw)
	}
	f.IO.Printf("Receipt %s\n", r.ReceiptID)
	f.Words(receiptWords(ctx, n, r))
	return nil
}

// writePayload writes a tool's request or response, byte for byte.
func writePayload(ctx context.Context, f *cmdutil.Factory, n *repo.Repo, what string, h object.Hash, out string) error {
	data, err := n.Store.Bytes(ctx, h)
	if errors.Is(err, store.ErrNotFound) {
		return clierr.New(clierr.NotFound, "the %s %s is not kept here", what, h.Short()).On(h.String()).With("`mythos call --capture` keeps requests, too")
	}
	if err != nil {
		return err
	}
	return f.Write(out, data)
}

// receiptWords describe a receipt. If n is nil, there is no repository: names are then the agents' own hints, in
// quotes, and payloads are unknown.
func receiptWords(ctx context.Context, n *repo.Repo, r *ledger.Receipt) []cmdutil.Word {
	tool, by := r.ToolID.Short(), strconv.Quote(r.Signer.Hint)
	if n != nil {
		if name := n.Toolbox.Name(ctx, r.ToolID); name != tool {
			tool = name + " (" + tool + ")"
		}
		by = n.AgentName(r.Signer)
	}
	if by == "" || by == `""` {
		by = "someone without a name here"
	}
	key := "none: every such call happens again"
	if len(r.IdempotencyKey) > 0 {
		key = ledger.KeyText(r.IdempotencyKey)
	}
	outcome := "succeeded"
	if r.Status >= 300 {
		outcome = "did not succeed"
	}
	if n != nil && !r.Refusal() && n.Toolbox.Declared(ctx, r.ToolID) {
		outcome += ", as its harness declares: nobody here ran it"
	}
	words := []cmdutil.Word{{About: "tool", Text: tool}, {About: "by", Text: by + " (" + r.Signer.KeyHex()[:12] + ")"}}
	if under := underWords(ctx, n, r); under != "" {
		words = append(words, cmdutil.Word{About: "under", Text: under})
	}
	words = append(words, cmdutil.Word{About: "when", Text: r.TimeObserved.String()}, cmdutil.Word{About: "key", Text: key}, cmdutil.Word{About: "status", Text: fmt.Sprintf("%d, %s", r.Status, outcome)},
		cmdutil.Word{About: "asked", Text: payloadWords(ctx, n, r.RequestHash)}, cmdutil.Word{About: "answered", Text: payloadWords(ctx, n, r.ResponseHash)})
	if r.Notes != nil {
		words = append(words, cmdutil.Word{About: "cost", Text: costWords(*r.Notes)}, cmdutil.Word{About: "note", Text: lastLines(*r.Notes)})
	}
	return words
}

// costWords describe the charge for a call and the cost that its tool reported; empty: none.
func costWords(notes string) string {
	use, price := output.Used(notes)
	switch {
	case use.Cost == nil && price == 0:
		return ""
	case use.Cost == nil:
		return fmt.Sprintf("%d charged; the tool does not report a cost", price)
	case *use.Cost > price:
		return fmt.Sprintf("%d charged before; the tool reports a cost of %d, which counts", price, *use.Cost)
	}
	return fmt.Sprintf("%d charged, %d used as the tool reports; the rest was given back", price, *use.Cost)
}

// underWords name the capability, which is the first hash in a receipt's evidence.
func underWords(ctx context.Context, n *repo.Repo, r *ledger.Receipt) string {
	if n == nil || len(r.Evidence) == 0 {
		return ""
	}
	o, err := n.Store.Object(ctx, r.Evidence[0])
	if err != nil || o.Kind != "Capability" {
		return ""
	}
	link, err := caps.Open(o.Raw)
	if err != nil {
		return ""
	}
	return "capability " + link.ID.Short() + ": " + overview.ScopeText(ctx, n, link.Cap.Scope)
}

const (
	shownBytes = 240 // of a payload
	shownLines = 5   // of a note
)

// payloadWords describe the length and the beginning of a payload.
func payloadWords(ctx context.Context, n *repo.Repo, h object.Hash) string {
	if h == object.SumText("") {
		return "nothing"
	}
	if n == nil {
		return h.Short() + ", not in the evidence"
	}
	data, err := n.Store.Bytes(ctx, h)
	if err != nil {
		return h.Short() + ", not kept here"
	}
	size := h.Short() + ", " + ui.Size(uint64(len(data)))
	text := strings.TrimRight(string(data[:min(len(data), shownBytes)]), "\n")
	if len(data) > shownBytes {
		text = strings.ToValidUTF8(text, "") + "..."
	}
	if !utf8.ValidString(text) || strings.ContainsFunc(text, func(r rune) bool { return unicode.IsControl(r) && r != '\n' && r != '\t' }) {
		return size + " of bytes"
	}
	return size + "\n" + text
}

// lastLines are the last lines of a note: the end of a tool's output.
func lastLines(note string) string {
	lines := strings.Split(strings.TrimRight(note, "\n"), "\n")
	if len(lines) > shownLines {
		lines = append([]string{"..."}, lines[len(lines)-shownLines:]...)
	}
	return strings.Join(lines, "\n")
}
