// Package capcmd holds the commands over capabilities.
package capcmd

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/mythos-project/mythos/caps"
	"github.com/mythos-project/mythos/internal/cli/cmdutil"
	"github.com/mythos-project/mythos/internal/node"
	"github.com/mythos-project/mythos/object"
)

// New is `mythos cap`.
func New(f *cmdutil.Factory) *cobra.Command {
	return f.Returns(cmdutil.Noun("cap", "Capabilities: who may do what, how often, until when",
		newIssue(f), newAttenuate(f), newShow(f), newLs(f), newVerify(f), newRevoke(f), newRevocations(f), newExport(f), newImport(f),
		newPolicy(f)), results)
}

// emit says what was made.
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

// chain loads the chain that the argument names.
func chain(ctx context.Context, f *cmdutil.Factory, name string) (*node.Node, caps.Chain, error) {
	id, err := f.Resolve(ctx, name)
	if err != nil {
		return nil, nil, err
	}
	n, err := f.Node(ctx)
	if err != nil {
		return nil, nil, err
	}
	ch, err := n.Chain(ctx, id)
	return n, ch, err
}
