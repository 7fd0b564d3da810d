package runcmd

import (
	"context"
	"errors"

	"github.com/spf13/pflag"

	"github.com/mythos-project/mythos/internal/cli/clierr"
	"github.com/mythos-project/mythos/internal/cli/cmdutil"
	"github.com/mythos-project/mythos/internal/remote"
	"github.com/mythos-project/mythos/internal/repo"
)

// atOption names the machine whose ledger records effects.
type atOption struct{ At string }

func (o *atOption) flags(flags *pflag.FlagSet) {
	flags.StringVar(&o.At, "at", "", "the server whose ledger charges and records; the tool runs here (at)")
}

// at runs do with the repository's gate over that ledger, if one is named.
func (o *atOption) at(ctx context.Context, f *cmdutil.Factory, do func() error) error {
	n, err := f.Repo(ctx)
	if err != nil {
		return err
	}
	done, err := o.use(ctx, f, n)
	if err != nil {
		return err
	}
	return done(do())
}

// use gives the repository's gate that ledger. done ends its use, with the error of the work.
func (o *atOption) use(ctx context.Context, f *cmdutil.Factory, n *repo.Repo) (done func(error) error, err error) {
	l, err := f.LedgerAt(ctx, n, o.At)
	if err != nil {
		return nil, err
	}
	if l == nil {
		return func(err error) error { return err }, nil
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
