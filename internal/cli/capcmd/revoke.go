package capcmd

import (
	"context"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"github.com/mythos-project/mythos/caps"
	"github.com/mythos-project/mythos/internal/cli/clierr"
	"github.com/mythos-project/mythos/internal/cli/cmdutil"
	"github.com/mythos-project/mythos/internal/repo"
	"github.com/mythos-project/mythos/internal/ui"
	"github.com/mythos-project/mythos/internal/units"
	"github.com/mythos-project/mythos/object"
)

type revokeOptions struct {
	Caps  []string
	Renew string
	Out   string
}

func newRevoke(f *cmdutil.Factory) *cobra.Command {
	o := &revokeOptions{}
	c := &cobra.Command{
		Use: "revoke CAP... | --renew [ISSUER] [-o FILE]", Short: "Revoke capabilities that this repository issued",
		Long: "Signs the issuer's next revocation list, with these capabilities and all before them. Capabilities derived from\n" +
			"them are revoked, too. --renew signs a list with a new date and nothing more, for capabilities that need a\n" +
			"recent list. -o writes the list for others, who take it with `mythos cap import`.",
		Example: "  mythos cap revoke 3f9c01 -o revoked.list\n  mythos cap revoke --renew",
		Args:    cmdutil.Args(0, -1),
		RunE: func(c *cobra.Command, args []string) error {
			o.Caps = args
			if (len(args) == 0) != c.Flags().Changed("renew") {
				return clierr.Usagef("%s needs capabilities, or --renew", c.CommandPath())
			}
			return runRevoke(c.Context(), f, o)
		},
	}
	c.Flags().StringVar(&o.Renew, "renew", "", "only renew the date of this issuer's list; self by default")
	c.Flags().Lookup("renew").NoOptDefVal = "self"
	c.Flags().StringVarP(&o.Out, "output", "o", "", "write the list's bytes to this file; - is standard output")
	return c
}

func runRevoke(ctx context.Context, f *cmdutil.Factory, o *revokeOptions) error {
	n, err := f.Repo(ctx)
	if err != nil {
		return err
	}
	byIssuer, order, err := o.revoked(ctx, f, n)
	if err != nil {
		return err
	}
	if o.Out != "" && len(order) > 1 {
		return clierr.Usagef("these capabilities have several issuers: -o writes one list only")
	}
	for _, issuer := range order {
		list, raw, err := n.Auth.Revoke(ctx, issuer, byIssuer[issuer]...)
		if err != nil {
			return err
		}
		f.IO.Notef("revocation list %d holds %s", list.Sequence, units.Count(len(list.Revoked), "capability", "capabilities"))
		if o.Out != "" {
			return f.Write(o.Out, raw)
		}
	}
	return nil
}

// revoked groups the ids to revoke by issuer, in the given order.
func (o *revokeOptions) revoked(ctx context.Context, f *cmdutil.Factory, n *repo.Repo) (map[object.AgentID][]object.Hash, []object.AgentID, error) {
	byIssuer := map[object.AgentID][]object.Hash{}
	if o.Renew != "" {
		issuer, err := n.AgentNamed(o.Renew)
		return byIssuer, []object.AgentID{issuer}, err
	}
	var order []object.AgentID
	for _, name := range o.Caps {
		_, ch, err := chain(ctx, f, name)
		if err != nil {
			return nil, nil, err
		}
		issuer := ch[0].Cap.Issuer.Bare()
		if _, err := n.SignerOf(issuer); err != nil {
			return nil, nil, clierr.New(clierr.Refused, "%s was issued by %s: %w", ch[0].ID.Short(), ch[0].Cap.Issuer, err).
				With("only its issuer, or the issuer of a capability above it, may revoke a capability")
		}
		if byIssuer[issuer] == nil {
			order = append(order, issuer)
		}
		byIssuer[issuer] = append(byIssuer[issuer], ch[0].ID)
	}
	return byIssuer, order, nil
}

type listView struct {
	ID       object.Hash   `json:"list_id"`
	Issuer   cmdutil.Party `json:"issuer"`
	Sequence uint64        `json:"sequence"`
	Revoked  []object.Hash `json:"revoked"`
	Observed object.Time   `json:"time_observed"`
	MaxAge   string        `json:"max_age,omitempty"`
	Stale    bool          `json:"stale"`
}

func newRevocations(f *cmdutil.Factory) *cobra.Command {
	return &cobra.Command{
		Use: "revocations", Short: "List the newest revocation list of each issuer", Example: "  mythos cap revocations",
		Args: cmdutil.Args(0, 0),
		RunE: func(c *cobra.Command, _ []string) error { return runRevocations(c.Context(), f) },
	}
}

func runRevocations(ctx context.Context, f *cmdutil.Factory) error {
	n, err := f.Repo(ctx)
	if err != nil {
		return err
	}
	lists, err := n.Auth.RevocationLists(ctx)
	if err != nil {
		return err
	}
	var rows [][]ui.Cell
	for _, l := range lists {
		v := viewOf(n, l)
		if f.JSON {
			if err := f.Emit(v, nil); err != nil {
				return err
			}
			continue
		}
		state := ui.Cell{Text: "current"}
		if v.Stale {
			state = ui.Cell{Text: "stale", Meaning: ui.Bad}
		}
		rows = append(rows, []ui.Cell{{Text: l.Issuer.String(), Meaning: ui.Name}, {Text: strconv.FormatUint(v.Sequence, 10)}, {Text: strconv.Itoa(len(v.Revoked))},
			{Text: v.Observed.Std().Format("2006-01-02 15:04Z")}, state})
	}
	if !f.JSON {
		f.IO.Table([]string{"issuer", "number", "revoked", "of", "state"}, rows)
	}
	return nil
}

func viewOf(n *repo.Repo, l *caps.RevocationList) listView {
	v := listView{ID: l.ListID, Issuer: cmdutil.PartyOf(l.Issuer), Sequence: l.Sequence, Revoked: l.Revoked, Observed: l.TimeObserved}
	if age := n.Trust.MaxAge(l.Issuer); age > 0 {
		v.MaxAge = units.FormatDuration(age)
		v.Stale = time.Duration(n.Now()-l.TimeObserved)*time.Microsecond > age
	}
	return v
}
