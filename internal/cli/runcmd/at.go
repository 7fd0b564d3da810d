package runcmd

import (
	"context"
	"errors"
	"strings"

	"github.com/spf13/pflag"

	"github.com/mythos-project/mythos/exec/once"
	"github.com/mythos-project/mythos/internal/cli/clierr"
	"github.com/mythos-project/mythos/internal/cli/cmdutil"
	"github.com/mythos-project/mythos/internal/peer"
	"github.com/mythos-project/mythos/internal/peers"
	"github.com/mythos-project/mythos/internal/remote"
	"github.com/mythos-project/mythos/internal/repo"
	"github.com/mythos-project/mythos/object"
)

// atOption says on which machine's ledger effects are recorded.
type atOption struct{ At string }

func (o *atOption) flags(flags *pflag.FlagSet) {
	flags.StringVar(&o.At, "at", "", "the server whose ledger charges and records; the tool runs here (at)")
}

// at does something with the repository's gate over that ledger, if one is named.
func (o *atOption) at(ctx context.Context, f *cmdutil.Factory, do func() error) error {
	n, err := f.Node(ctx)
	if err != nil {
		return err
	}
	done, err := o.use(ctx, f, n)
	if err != nil {
		return err
	}
	return done(do())
}

// use gives the repository's gate that ledger. done ends its use, with the error of what was
// done.
func (o *atOption) use(ctx context.Context, f *cmdutil.Factory, n *repo.Repo) (done func(error) error, err error) {
	at := o.At
	if at == "" {
		at = n.Config.At
	}
	if at == "" {
		return func(err error) error { return err }, nil
	}
	p := peers.Peer{URL: at}
	if !strings.Contains(at, "://") {
		if p, err = n.Peers.Named(ctx, at); err != nil {
			return nil, err
		}
	} else if !strings.HasPrefix(at, "http://") && !strings.HasPrefix(at, "https://") {
		return nil, clierr.Usagef("%q is no URL of a server", at).With("such as http://127.0.0.1:7480, as `mythos serve` says")
	}
	l, err := remote.Open(ctx, remote.Options{Client: peer.To(n, p), Local: n.Ledger, Signer: n.Key, Now: n.Now, KV: n.DB, Notef: f.IO.Notef,
		Stays: func(tool object.Hash) bool {
			_, builtin := n.Gate.BuiltinName(tool)
			return builtin && tool != once.Tool
		}})
	if err != nil {
		return nil, err
	}
	l.Use(n.Gate)
	n.Auth.Verifier = remote.Selector()
	return func(err error) error {
		var owed *remote.UndeliveredError
		if errors.As(err, &owed) {
			err = clierr.New(clierr.Failed, "%w", err).With("when the server answers again, any call with --at from this folder delivers it")
		}
		if closed := l.Close(context.WithoutCancel(ctx)); closed != nil {
			return errors.Join(err, closed)
		}
		return err
	}, nil
}
