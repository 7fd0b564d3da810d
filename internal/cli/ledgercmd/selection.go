package ledgercmd

import (
	"context"

	"github.com/spf13/pflag"

	"github.com/mythos-project/mythos/internal/cli/cmdutil"
	"github.com/mythos-project/mythos/internal/overview"
	"github.com/mythos-project/mythos/internal/repo"
	"github.com/mythos-project/mythos/ledger"
)

// selection are the flags that select receipts, in both `receipt ls` and `receipt export`.
type selection struct {
	log logOptions
	Cap string
}

func (s *selection) flags(flags *pflag.FlagSet) {
	s.log.Kind = "receipt"
	flags.StringVar(&s.log.Tool, "tool", "", "only of this tool")
	flags.StringVar(&s.log.Agent, "agent", "", "only signed by this agent; a public key, a name from trust.yaml, or self")
	flags.StringVar(&s.Cap, "cap", "", "only under this capability, or one derived from it")
	flags.Var(&s.log.Since, "since", "from this time on; "+cmdutil.TimeHelp)
	flags.Var(&s.log.Until, "until", "before this time")
	flags.StringVar(&s.log.State, "state", "", "only of effects that are in this state now")
}

// given reports whether any of the flags was given.
func (s *selection) given() bool {
	l := s.log
	return l.Tool != "" || l.Agent != "" || s.Cap != "" || l.Since != "" || l.Until != "" || l.State != ""
}

// selected returns an iterator over the receipts, the oldest first.
func (s *selection) selected(ctx context.Context, f *cmdutil.Factory, n *repo.Repo) (func(func(*ledger.Receipt) error) error, error) {
	filter, err := s.log.filter(ctx, f, n)
	if err != nil {
		return nil, err
	}
	under := func(*ledger.Receipt) bool { return true }
	if s.Cap != "" {
		id, err := f.Resolve(ctx, s.Cap)
		if err != nil {
			return nil, err
		}
		lineage := overview.Under(ctx, n, id)
		under = func(r *ledger.Receipt) bool { return len(r.Evidence) > 0 && lineage(r.Evidence[0]) }
	}
	return func(fn func(*ledger.Receipt) error) error {
		return n.Ledger.Log(ctx, filter, func(e ledger.Entry) error {
			if !under(e.Receipt) {
				return nil
			}
			return fn(e.Receipt)
		})
	}, nil
}
