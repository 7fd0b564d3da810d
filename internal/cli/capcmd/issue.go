package capcmd

import (
	"context"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/mythos-project/mythos/caps"
	"github.com/mythos-project/mythos/caps/scope"
	"github.com/mythos-project/mythos/internal/cli/clierr"
	"github.com/mythos-project/mythos/internal/cli/cmdutil"
	"github.com/mythos-project/mythos/internal/repo"
)

type draftOptions struct {
	To        string
	Scopes    []string
	TTL       cmdutil.Span
	Delegable bool
	Revocable bool
	root      bool // valid from now on; otherwise from the parent's start
}

func (o *draftOptions) flags(c *cobra.Command) {
	c.Flags().StringVar(&o.To, "to", "self", "who may use it: a public key, a name of trust.yaml, or self")
	c.Flags().StringArrayVar(&o.Scopes, "scope", nil, "what it allows, such as tool.call:NAME,calls=10; may be repeated: one capability each")
	c.Flags().Var(&o.TTL, "ttl", "how long it is valid, such as 1h or 30d")
	c.Flags().BoolVar(&o.Delegable, "delegable", false, "let the holder hand on a part of it")
	c.Flags().BoolVar(&o.Revocable, "revocable", false, "make it valid only while a revocation list says that it is")
}

// draft is the draft for one scope; empty: the parent's scope.
func (o *draftOptions) draft(ctx context.Context, f *cmdutil.Factory, scope string, ttl time.Duration) (caps.Draft, error) {
	n, err := f.Repo(ctx)
	if err != nil {
		return caps.Draft{}, err
	}
	now := f.Now()
	d := caps.Draft{Delegable: o.Delegable, Revocable: o.Revocable}
	if o.root {
		d.NotBefore = now
	}
	if d.Subject, err = n.AgentNamed(o.To); err != nil {
		return d, err
	}
	if scope != "" {
		if d.Scope, err = n.Find.Scope(ctx, scope); err != nil {
			return d, clierr.Usagef("--scope %s: %w", scope, err)
		}
	}
	if o.TTL > 0 {
		ttl = time.Duration(o.TTL)
	}
	if ttl > 0 {
		d.ExpiresAt = now.Add(ttl)
	}
	return d, nil
}

const defaultTTL = time.Hour

func newIssue(f *cmdutil.Factory) *cobra.Command {
	o := &draftOptions{root: true}
	c := &cobra.Command{
		Use: "issue --to AGENT --scope SCOPE [--ttl D] [--delegable] [--revocable]", Short: "Issue a capability for each scope; prints their ids",
		Long: "Scopes: blob.read:CID[@OFF+LEN]  blob.write:NAMESPACE,max=SIZE,media=T|T  blob.pin:CID,ttl=D  blob.delete:CID\n" +
			"  tool.call:TOOL[,calls=N][,rate=N/D][,eq:/ptr=V][,prefix:/ptr=V][,in:/ptr=V|V]\n" +
			"    [,max:/ptr=N][,min:/ptr=N][,closed:/ptr=NAME|NAME]\n" +
			"  train.run:RECIPE[,jobs=N][,tokens=N]\n" +
			"  eval.run:SUITE[,runs=N]  deploy.promote:RING,policy=P  compute.spawn:POOL[,workers=N][,cpu=D][,io=N]\n" +
			"  cell.read:CELL[,prefix=TEXT]  cell.write:CELL[,events=N][,types=N|N]\n" +
			"  tools.call:TOOL|TOOL[,calls=N][,rate=N/D]  several tools with one limit\n" +
			"The issuance policy (`mythos cap policy`) must allow it. The key that trust.yaml names for the domain signs it.",
		Example: "  mythos cap issue --to self --scope tool.call:mythos.dataset.build,calls=10 --ttl 1h",
		Args:    cmdutil.Args(0, 0),
		RunE:    func(c *cobra.Command, _ []string) error { return runIssue(c.Context(), f, o) },
	}
	o.flags(c)
	return c
}

// runIssue issues one capability for each scope. It reads all scopes before it issues the first.
func runIssue(ctx context.Context, f *cmdutil.Factory, o *draftOptions) error {
	if len(o.Scopes) == 0 || slices.Contains(o.Scopes, "") {
		return clierr.Usagef("--scope is required: it says what the capability allows")
	}
	n, err := f.Repo(ctx)
	if err != nil {
		return err
	}
	drafts := make([]caps.Draft, len(o.Scopes))
	for i, scope := range o.Scopes {
		if drafts[i], err = o.draft(ctx, f, scope, defaultTTL); err != nil {
			return err
		}
	}
	for _, d := range drafts {
		link, err := n.Auth.Issue(ctx, d)
		if err != nil {
			return err
		}
		noteChunks(ctx, f, n, link.Cap.Scope)
		if err := emit(ctx, f, link); err != nil {
			return err
		}
	}
	return nil
}

// noteChunks prints the range that a peer needs to fetch the bytes with their proofs, if a blob.read range ends inside
// a chunk of a blob that is here.
func noteChunks(ctx context.Context, f *cmdutil.Factory, n *repo.Repo, s scope.CapScope) {
	sc, err := s.Decode()
	read, ok := sc.(*scope.BlobRead)
	if err != nil || !ok || (read.RangeStart == nil && read.RangeLen == nil) {
		return
	}
	if start, length, aligned := n.Transfer.ChunksOf(ctx, read); !aligned {
		f.IO.Notef("the range ends inside a chunk: `mythos fetch` takes whole chunks with their proofs, which %s@%d+%d would cover", read.CID.Short(), start, length)
	}
}

func newAttenuate(f *cmdutil.Factory) *cobra.Command {
	o := &draftOptions{}
	c := &cobra.Command{
		Use: "attenuate CAP --to AGENT [--scope SCOPE] [--ttl D]", Short: "Hand on a part of a capability; prints the new id",
		Example: "  mythos cap attenuate 3f9c01 --to ci --scope tool.call:deploy,calls=1 --ttl 10m",
		Args:    cmdutil.Args(1, 1),
		RunE: func(c *cobra.Command, args []string) error {
			return runAttenuate(c.Context(), f, args[0], o)
		},
	}
	o.flags(c)
	return c
}

// runAttenuate makes one capability for each scope, or a single one with the parent's scope.
func runAttenuate(ctx context.Context, f *cmdutil.Factory, name string, o *draftOptions) error {
	scopes := o.Scopes
	if len(scopes) == 0 {
		scopes = []string{""}
	} else if slices.Contains(scopes, "") {
		return clierr.Usagef("--scope is empty: leave it out for the scope of the capability itself")
	}
	drafts := make([]caps.Draft, len(scopes))
	for i, scope := range scopes {
		var err error
		if drafts[i], err = o.draft(ctx, f, scope, 0); err != nil {
			return err
		}
	}
	parent, err := f.Resolve(ctx, name)
	if err != nil {
		return err
	}
	n, err := f.Repo(ctx)
	if err != nil {
		return err
	}
	for _, d := range drafts {
		link, err := n.Auth.Attenuate(ctx, parent, d)
		if err != nil {
			return err
		}
		noteChunks(ctx, f, n, link.Cap.Scope)
		if err := emit(ctx, f, link); err != nil {
			return err
		}
	}
	return nil
}
