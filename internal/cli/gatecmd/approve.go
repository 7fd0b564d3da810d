package gatecmd

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/spf13/cobra"

	"github.com/mythos-project/mythos/exec/approval"
	"github.com/mythos-project/mythos/internal/cli/clierr"
	"github.com/mythos-project/mythos/internal/cli/cmdutil"
	"github.com/mythos-project/mythos/internal/keyfile"
	"github.com/mythos-project/mythos/internal/repo"
	"github.com/mythos-project/mythos/internal/ui"
	"github.com/mythos-project/mythos/internal/webhook"
	"github.com/mythos-project/mythos/ledger"
	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/object/sign"
	"github.com/mythos-project/mythos/store"
)

// NewApprove is `mythos approve`.
func NewApprove(f *cmdutil.Factory) *cobra.Command {
	return f.Returns(cmdutil.Noun("approve", "Agree to calls that wait for people, or deny them",
		newApproveLs(f), newApproveShow(f), newDecide(f, true), newDecide(f, false)), approveResults)
}

func newApproveLs(f *cmdutil.Factory) *cobra.Command {
	all := false
	c := &cobra.Command{
		Use: "ls [--all]", Short: "List the calls that wait for approval", Example: "  mythos approve ls", Args: cmdutil.Args(0, 0),
		Long: "A call waits if its capability says approve=N/ROLE. --all also lists calls that are over: spent, denied or expired.",
		RunE: func(c *cobra.Command, _ []string) error {
			n, err := f.Repo(c.Context())
			if err != nil {
				return err
			}
			return listApprovals(c.Context(), f, n, all)
		},
	}
	c.Flags().BoolVar(&all, "all", false, "also those that are over")
	return c
}

func listApprovals(ctx context.Context, f *cmdutil.Factory, n *repo.Repo, all bool) error {
	list, err := n.Approvals.Kept(ctx, all)
	if err != nil {
		return err
	}
	given, err := webhook.GivenUp(ctx, n.DB, n.Now())
	if err != nil {
		return err
	}
	untold := map[object.Hash]string{}
	for _, u := range given {
		untold[u.Approval] = u.Why
	}
	var rows [][]ui.Cell
	for _, st := range list {
		if f.JSON {
			line := approvalOf(ctx, n, st)
			line.Untold = untold[st.ID]
			if err := f.Emit(line, nil); err != nil {
				return err
			}
			continue
		}
		if why := untold[st.ID]; why != "" {
			f.IO.Notef("the receiver was not told of %s: %s", st.ID.Short(), why)
		}
		rows = append(rows, []ui.Cell{{Text: st.ID.Short()}, {Text: string(st.State)}, {Text: n.Toolbox.Name(ctx, st.ToolID), Meaning: ui.Name},
			{Text: whom(n, st)}, {Text: fmt.Sprintf("%d of %d %s", st.Yes, st.Need, st.Role)}, {Text: f.ShowMinute(st.ExpiresAt)}})
	}
	if !f.JSON {
		f.IO.Table([]string{"id", "state", "tool", "for", "agreed", "until"}, rows)
	}
	return nil
}

// whom lists the names of the agents for whom a call is made.
func whom(n *repo.Repo, st *approval.Standing) string {
	names := make([]string, len(st.Agents))
	for i, a := range st.Agents {
		names[i] = n.KeptName(a)
	}
	return strings.Join(names, ",")
}

func approvalOf(ctx context.Context, n *repo.Repo, st *approval.Standing) approvalLine {
	line := approvalLine{ID: st.ID, State: string(st.State), Tool: n.Toolbox.Name(ctx, st.ToolID), ToolID: st.ToolID, Module: st.Module, RequestHash: st.RequestHash,
		Key: ledger.KeyText(st.Key), Cap: st.CapID, Need: st.Need, Role: st.Role, Agreed: st.Yes, Asked: st.TimeObserved, Until: st.ExpiresAt, Said: []saidLine{}}
	for _, a := range st.Agents {
		line.Agents = append(line.Agents, agentLine{n.KeptName(a), a.KeyHex()})
	}
	for _, a := range st.Approvals {
		line.Said = append(line.Said, saidLine{a.ID, agentLine{n.KeptName(a.Signer), a.Signer.KeyHex()}, a.Yes, a.Note, a.TimeObserved})
	}
	return line
}

func newApproveShow(f *cmdutil.Factory) *cobra.Command {
	return &cobra.Command{
		Use: "show ID", Short: "Show what the call asks for, and the exact request", Example: "  mythos approve show 3f9a", Args: cmdutil.Args(1, 1),
		Long: "Prints the whole request, with escapes for what a terminal would not show. --json has it in base64.",
		RunE: func(c *cobra.Command, args []string) error { return showApproval(c.Context(), f, args[0]) },
	}
}

func showApproval(ctx context.Context, f *cmdutil.Factory, id string) error {
	n, err := f.Repo(ctx)
	if err != nil {
		return err
	}
	st, err := findApproval(ctx, n, id)
	if err != nil {
		return err
	}
	request, err := n.Store.Bytes(ctx, st.RequestHash)
	if errors.Is(err, store.ErrNotFound) {
		return clierr.New(clierr.NotFound, "the request %s is no longer kept here", st.RequestHash.Short()).On(st.ID.String())
	}
	if err != nil {
		return err
	}
	line := approvalOf(ctx, n, st)
	text := base64.StdEncoding.EncodeToString(request)
	line.Request = &text
	return f.Emit(line, func() {
		words := []cmdutil.Word{{About: "state", Text: fmt.Sprintf("%s, %d of %d %s agreed", st.State, st.Yes, st.Need, st.Role)},
			{About: "tool", Text: line.Tool + " (" + st.ToolID.Short() + ")"}, {About: "for", Text: whom(n, st)}, {About: "under", Text: "capability " + st.CapID.Short()},
			{About: "key", Text: line.Key}, {About: "until", Text: st.ExpiresAt.String()}}
		for _, a := range line.Said {
			words = append(words, cmdutil.Word{About: "said", Text: saidText(a)})
		}
		f.IO.Printf("Approval %s\n", st.ID)
		f.Words(words)
		f.IO.Printf("  request, %s:\n%s\n", ui.Size(uint64(len(request))), escaped(request))
	})
}

func saidText(a saidLine) string {
	text := "no"
	if a.Yes {
		text = "yes"
	}
	text += ", " + a.By.Name
	if a.Note != "" {
		text += ": " + a.Note
	}
	return text
}

// escaped is a request in a form that shows every byte on a terminal; lines stay lines.
func escaped(request []byte) string {
	var b strings.Builder
	for len(request) > 0 {
		r, size := utf8.DecodeRune(request)
		switch {
		case r == utf8.RuneError && size == 1:
			fmt.Fprintf(&b, `\x%02x`, request[0])
		case r == '\n' || r >= ' ' && r <= '~' && r != '\\':
			b.WriteRune(r)
		case r == '\\':
			b.WriteString(`\\`)
		case r > '~' && unicode.IsPrint(r):
			b.WriteRune(r)
		case r < 0x80:
			fmt.Fprintf(&b, `\x%02x`, r)
		default:
			fmt.Fprintf(&b, `\u{%x}`, r)
		}
		request = request[size:]
	}
	return b.String()
}

func newDecide(f *cmdutil.Factory, yes bool) *cobra.Command {
	var key, note string
	c := &cobra.Command{
		Use: "sign ID [--key NAME] [--note TEXT]", Short: "Agree to one call", Example: "  mythos approve sign 3f9a --key bob --note 'as agreed'", Args: cmdutil.Args(1, 1),
		Long: "trust.yaml must name the key for the role (`mythos trust add bob --for approve/ops`), and the key must not be\n" +
			"that of the agent for which the call is made. Look first: `mythos approve show ID`. When enough people have\n" +
			"agreed, the agent's next identical call runs, once.",
		RunE: func(c *cobra.Command, args []string) error { return decide(c.Context(), f, args[0], key, note, yes) },
	}
	if !yes {
		c.Use, c.Short, c.Example = "deny ID [--key NAME] [--note TEXT]", "Deny one call", "  mythos approve deny 3f9a --note 'not on a Friday'"
		c.Long = "One denial is enough, even if others have agreed: the call stays denied until the request would have expired. The agent reads the note."
	}
	c.Flags().StringVar(&key, "key", "", "the key of this repository to sign with; its own by default")
	cmdutil.TextVar(c.Flags(), &note, "note", "why, for those who read the record")
	return c
}

func decide(ctx context.Context, f *cmdutil.Factory, id, name, note string, yes bool) error {
	n, err := f.Repo(ctx)
	if err != nil {
		return err
	}
	st, err := findApproval(ctx, n, id)
	if err != nil {
		return err
	}
	var key sign.Signer = n.Key
	if name != "" {
		if key, err = n.KeyNamed(name); errors.Is(err, fs.ErrNotExist) {
			return clierr.New(clierr.NotFound, "no key %s is here", name).With("mythos key ls")
		} else if err != nil {
			return err
		}
	}
	next, err := n.Approvals.Decide(ctx, st.ID, key, yes, note)
	switch {
	case errors.Is(err, approval.ErrRole):
		who := name
		if who == "" {
			who = "self"
		}
		return clierr.New(clierr.Refused, "approval %s: %w %s", st.ID.Short(), err, st.Role).With("if it should have the role: mythos trust add " + who + " --for " + keyfile.ForApprove + st.Role)
	case errors.Is(err, approval.ErrAgent):
		return clierr.New(clierr.Refused, "approval %s: %w", st.ID.Short(), err)
	case errors.Is(err, approval.ErrOver):
		return clierr.New(clierr.Conflict, "%w", err).With("if the call is still wanted, have it made again: that asks for new approval")
	case err != nil:
		return err
	}
	return f.Emit(approvalOf(ctx, n, next), func() {
		f.IO.Printf("%s: %s, %d of %d %s agreed\n", next.ID.Short(), next.State, next.Yes, next.Need, next.Role)
	})
}

func findApproval(ctx context.Context, n *repo.Repo, id string) (*approval.Standing, error) {
	st, err := n.Approvals.Find(ctx, id)
	if errors.Is(err, approval.ErrNone) {
		return nil, clierr.New(clierr.NotFound, "%w", err).With("mythos approve ls --all")
	}
	return st, err
}
