package runcmd

import (
	"time"

	"github.com/spf13/pflag"

	"github.com/mythos-project/mythos/exec"
	"github.com/mythos-project/mythos/internal/cli/clierr"
	"github.com/mythos-project/mythos/internal/cli/cmdutil"
)

// waitOptions say how long a command waits while somebody else runs an effect.
type waitOptions struct {
	Wait   cmdutil.Duration
	NoWait bool
}

func (o *waitOptions) flags(flags *pflag.FlagSet) {
	flags.Var(&o.Wait, "wait", "wait at most this long for another attempt at the same key; by default as long as that attempt lives")
	flags.BoolVar(&o.NoWait, "no-wait", false, "do not wait for another attempt at the same key: exit code 7 at once")
}

// duration is the wait in the gate's form.
func (o *waitOptions) duration() (time.Duration, error) {
	switch {
	case o.NoWait && o.Wait != 0:
		return 0, clierr.Usagef("--wait and --no-wait exclude each other")
	case o.Wait < 0:
		return 0, clierr.Usagef("--wait must be zero or more")
	case o.NoWait:
		return exec.NoWait, nil
	}
	return time.Duration(o.Wait), nil
}
