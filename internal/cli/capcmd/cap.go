// Package capcmd holds the commands over capabilities.
package capcmd

import (
	"context"
	"errors"
	"time"

	"github.com/spf13/cobra"

	"github.com/mythos-project/mythos/caps"
	"github.com/mythos-project/mythos/internal/cli/clierr"
	"github.com/mythos-project/mythos/internal/cli/cmdutil"
	"github.com/mythos-project/mythos/internal/ui"
	"github.com/mythos-project/mythos/object"
)

// New is `mythos cap`.
func New(f *cmdutil.Factory) *cobra.Command {
	return f.Returns(cmdutil.Noun("cap", "Capabilities: who may do what, how often, until when",
		newIssue(f), newAttenuate(f), newShow(f), newLs(f), newVerify(f), newRevoke(f), newExport(f), newImport(f)), results)
}

type draftOptions struct {
	To        string
	Scope     string
	TTL       cmdutil.Duration
	Delegable bool
	Revocable bool
}

func (o *draftOptions) flags(c *cobra.Command) {
	c.Flags().StringVar(&o.To, "to", "self", "who may use it: a public key, a name of trust.yaml, or self")
	c.Flags().StringVar(&o.Scope, "scope", "", "what it allows, such as tool.call:NAME,calls=10")
	c.Flags().Var(&o.TTL, "ttl", "how long it is valid, such as 1h or 30d")
	c.Flags().BoolVar(&o.Delegable, "delegable", false, "its holder may hand on a part of it")
	c.Flags().BoolVar(&o.Revocable, "revocable", false, "it counts only while a revocation list says that it does")
}

func (o *draftOptions) draft(ctx context.Context, f *cmdutil.Factory, ttl time.Duration) (caps.Draft, error) {
	n, err := f.Node(ctx)
	if err != nil {
		return caps.Draft{}, err
	}
	d := caps.Draft{Delegable: o.Delegable, Revocable: o.Revocable}
	if d.Subject, err = n.AgentNamed(o.To); err != nil {
		return d, err
	}
	if o.Scope != "" {
		if d.Scope, err = n.ScopeOf(ctx, o.Scope); err != nil {
			return d, clierr.Usagef("--scope %s: %w", o.Scope, err)
		}
	}
	if o.TTL > 0 {
		ttl = time.Duration(o.TTL)
	}
	if ttl > 0 {
		d.ExpiresAt = f.Now().Add(ttl)
	}
	return d, nil
}

const defaultTTL = time.Hour

func newIssue(f *cmdutil.Factory) *cobra.Command {
	o := &draftOptions{}
	c := &cobra.Command{
		Use: "issue --to AGENT --scope SCOPE [--ttl D] [--delegable] [--revocable]", Short: "Issue a capability; prints its id",
		Long: "Scopes: blob.read:CID[@OFF+LEN]  blob.write:NAMESPACE,max=SIZE,media=T|T  blob.pin:CID,ttl=D  blob.delete:CID\n" +
			"  tool.call:TOOL[,calls=N][,eq:/ptr=V][,prefix:/ptr=V][,in:/ptr=V|V][,max:/ptr=N]  train.run:RECIPE[,jobs=N][,tokens=N]\n" +
			"  eval.run:SUITE[,runs=N]  deploy.promote:RING,policy=P  compute.spawn:...  cell.read:...  cell.write:...",
		Example: "  mythos cap issue --to self --scope tool.call:mythos.dataset.build,calls=10 --ttl 1h",
		Args:    cmdutil.Args(0, 0),
		RunE: func(c *cobra.Command, _ []string) error {
			if o.Scope == "" {
				return clierr.Usagef("--scope is required")
			}
			d, err := o.draft(c.Context(), f, defaultTTL)
			if err != nil {
				return err
			}
			d.NotBefore = f.Now()
			n, err := f.Node(c.Context())
			if err != nil {
				return err
			}
			link, err := n.IssueCap(c.Context(), d)
			if err != nil {
				return err
			}
			return emit(f, link)
		},
	}
	o.flags(c)
	return c
}

func emit(f *cmdutil.Factory, link caps.Link) error {
	f.IO.Notef("%s", caps.Explain(caps.Chain{link}, f.Now()))
	return f.Emit(describe(link), func() { f.IO.Printf("%s\n", link.ID) })
}

type view struct {
	ID        object.Hash  `json:"cap_id"`
	Scope     string       `json:"scope"`
	Issuer    string       `json:"issuer"`
	Subject   string       `json:"subject"`
	NotBefore object.Time  `json:"not_before"`
	ExpiresAt object.Time  `json:"expires_at"`
	Delegable bool         `json:"delegable"`
	Revocable bool         `json:"revocable"`
	Parent    *object.Hash `json:"parent,omitempty"`
}

func describe(l caps.Link) view {
	return view{l.ID, l.Cap.Scope.String(), l.Cap.Issuer.String(), l.Cap.Subject.String(), l.Cap.NotBefore, l.Cap.ExpiresAt,
		l.Cap.Delegable, l.Cap.Revocable(), l.Cap.AttenuationParent}
}

func newAttenuate(f *cmdutil.Factory) *cobra.Command {
	o := &draftOptions{}
	c := &cobra.Command{
		Use: "attenuate CAP --to AGENT [--scope SCOPE] [--ttl D]", Short: "Hand on a part of a capability; prints the new id",
		Example: "  mythos cap attenuate 3f9c01 --to ci --scope tool.call:deploy,calls=1 --ttl 10m",
		Args:    cmdutil.Args(1, 1),
		RunE: func(c *cobra.Command, args []string) error {
			d, err := o.draft(c.Context(), f, 0)
			if err != nil {
				return err
			}
			parent, err := f.Resolve(c.Context(), args[0])
			if err != nil {
				return err
			}
			n, err := f.Node(c.Context())
			if err != nil {
				return err
			}
			link, err := n.AttenuateCap(c.Context(), parent, d)
			if err != nil {
				return err
			}
			return emit(f, link)
		},
	}
	o.flags(c)
	return c
}

// chain loads the chain that the argument names.
func chain(ctx context.Context, f *cmdutil.Factory, name string) (caps.Chain, error) {
	id, err := f.Resolve(ctx, name)
	if err != nil {
		return nil, err
	}
	n, err := f.Node(ctx)
	if err != nil {
		return nil, err
	}
	return n.Chain(ctx, id)
}

func newShow(f *cmdutil.Factory) *cobra.Command {
	return &cobra.Command{
		Use: "show CAP", Short: "Say in plain words what a capability allows, and draw its chain", Example: "  mythos cap show 3f9c01",
		Args: cmdutil.Args(1, 1),
		RunE: func(c *cobra.Command, args []string) error {
			ch, err := chain(c.Context(), f, args[0])
			if err != nil {
				return err
			}
			views := make([]view, len(ch))
			for i, l := range ch {
				views[i] = describe(l)
			}
			return f.Emit(views, func() { f.IO.Printf("%s\n", caps.Explain(ch, f.Now())) })
		},
	}
}

func newLs(f *cmdutil.Factory) *cobra.Command {
	return &cobra.Command{
		Use: "ls", Short: "List the capabilities that are here", Example: "  mythos cap ls --json", Args: cmdutil.Args(0, 0),
		RunE: func(c *cobra.Command, _ []string) error {
			n, err := f.Node(c.Context())
			if err != nil {
				return err
			}
			var rows [][]ui.Cell
			err = n.Caps(c.Context(), func(l caps.Link) error {
				if f.JSON {
					return f.Emit(describe(l), nil)
				}
				when := ui.Cell{Text: l.Cap.ExpiresAt.Std().Format("2006-01-02 15:04Z")}
				if l.Cap.ExpiresAt <= f.Now() {
					when.Meaning = ui.Dim
				}
				rows = append(rows, []ui.Cell{{Text: f.IO.Hash(l.ID.String()), Meaning: ui.Name}, when, {Text: l.Cap.Subject.Hint}, {Text: l.Cap.Scope.String()}})
				return nil
			})
			if err == nil && !f.JSON {
				f.IO.Table([]string{"cap", "expires", "subject", "scope"}, rows)
			}
			return err
		},
	}
}

func newVerify(f *cmdutil.Factory) *cobra.Command {
	var holder string
	c := &cobra.Command{
		Use: "verify CAP [--holder AGENT]", Short: "Check a whole chain; names the first link that fails", Example: "  mythos cap verify 3f9c01",
		Args: cmdutil.Args(1, 1),
		RunE: func(c *cobra.Command, args []string) error {
			ch, err := chain(c.Context(), f, args[0])
			if err != nil {
				return err
			}
			n, err := f.Node(c.Context())
			if err != nil {
				return err
			}
			who := ch[0].Cap.Subject
			if holder != "" {
				if who, err = n.AgentNamed(holder); err != nil {
					return err
				}
			}
			if err := n.Verifier.Verify(ch, who, f.Now()); err != nil {
				return err
			}
			return f.Emit(cmdutil.OK{OK: true}, func() { f.IO.Printf("ok\n") })
		},
	}
	c.Flags().StringVar(&holder, "holder", "", "who shows it; its subject by default")
	return c
}

func newRevoke(f *cmdutil.Factory) *cobra.Command {
	return &cobra.Command{
		Use: "revoke CAP...", Short: "Revoke capabilities that this repository issued", Example: "  mythos cap revoke 3f9c01", Args: cmdutil.Args(1, -1),
		RunE: func(c *cobra.Command, args []string) error {
			n, err := f.Node(c.Context())
			if err != nil {
				return err
			}
			var ids []object.Hash
			for _, name := range args {
				ch, err := chain(c.Context(), f, name)
				if err != nil {
					return err
				}
				if !ch[0].Cap.Issuer.Same(n.Self()) {
					return clierr.New(clierr.Refused, "%s was issued by %s", ch[0].ID.Short(), ch[0].Cap.Issuer).With("only its issuer revokes a capability")
				}
				ids = append(ids, ch[0].ID)
			}
			list, _, err := n.Revocations.Revoke(c.Context(), n.Key, f.Now(), ids...)
			if err != nil {
				return err
			}
			f.IO.Notef("revocation list %d holds %d capabilities", list.Sequence, len(list.Revoked))
			return nil
		},
	}
}

func newExport(f *cmdutil.Factory) *cobra.Command {
	return &cobra.Command{
		Use: "export CAP", Short: "Print a chain as text for copying", Example: "  mythos cap export 3f9c01 > cap.txt", Args: cmdutil.Args(1, 1),
		RunE: func(c *cobra.Command, args []string) error {
			ch, err := chain(c.Context(), f, args[0])
			if err != nil {
				return err
			}
			text, err := caps.ExportText(ch)
			if err != nil {
				return err
			}
			f.IO.Printf("%s\n", text)
			return nil
		},
	}
}

func newImport(f *cmdutil.Factory) *cobra.Command {
	return &cobra.Command{
		Use: "import FILE|-", Short: "Take a chain that somebody exported; prints its id", Example: "  mythos cap import cap.txt", Args: cmdutil.Args(1, 1),
		RunE: func(c *cobra.Command, args []string) error {
			data, err := f.Read(args[0])
			if err != nil {
				return err
			}
			ch, err := caps.Import(data)
			if err != nil {
				return clierr.New(clierr.Invalid, "%s: %w", args[0], errors.Join(err)).On(args[0])
			}
			n, err := f.Node(c.Context())
			if err != nil {
				return err
			}
			if err := n.AddCaps(c.Context(), ch...); err != nil {
				return err
			}
			return emit(f, ch[0])
		},
	}
}
