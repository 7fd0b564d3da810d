// Package capcmd holds the commands over capabilities.
package capcmd

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/mythos-project/mythos/caps"
	"github.com/mythos-project/mythos/internal/cli/cmdutil"
	"github.com/mythos-project/mythos/internal/repo"
)

// New is `mythos cap`.
func New(f *cmdutil.Factory) *cobra.Command {
	return f.Returns(cmdutil.Noun("cap", "Capabilities: who may do what, how often, until when",
		newIssue(f), newRequest(f), newAttenuate(f), newShow(f), newLs(f), newVerify(f), newRevoke(f), newRevocations(f), newExport(f), newImport(f), newBearer(f),
		newPolicy(f)), results)
}

// emit prints a new capability.
func emit(ctx context.Context, f *cmdutil.Factory, link caps.Link) error {
	n, err := f.Repo(ctx)
	if err != nil {
		return err
	}
	ch := caps.Chain{link}
	f.IO.Notef("%s", named(ctx, n, ch, caps.Explain(ch, f.Now())))
	return f.Emit(describe(ctx, n, link), func() { f.IO.Printf("%s\n", link.ID) })
}

// chain loads the chain of the argument.
func chain(ctx context.Context, f *cmdutil.Factory, name string) (*repo.Repo, caps.Chain, error) {
	id, err := f.Resolve(ctx, name)
	if err != nil {
		return nil, nil, err
	}
	n, err := f.Repo(ctx)
	if err != nil {
		return nil, nil, err
	}
	ch, err := n.Auth.Chain(ctx, id)
	return n, ch, err
}
