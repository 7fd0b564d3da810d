package cmdutil

import (
	"github.com/spf13/cobra"

	"github.com/mythos-project/mythos/internal/cli/clierr"
)

// Noun makes a command that only holds verbs.
func Noun(use, short string, verbs ...*cobra.Command) *cobra.Command {
	c := &cobra.Command{Use: use + " VERB", Short: short, RunE: func(c *cobra.Command, args []string) error {
		if len(args) > 0 {
			return clierr.Usagef("unknown command %q for %q", args[0], c.CommandPath()).With("see `" + c.CommandPath() + " --help`")
		}
		return c.Help()
	}}
	c.AddCommand(verbs...)
	return c
}

// Args checks the number of arguments: at least least, at most most (-1: any).
func Args(least, most int) cobra.PositionalArgs {
	return func(c *cobra.Command, args []string) error {
		switch {
		case len(args) < least:
			return clierr.Usagef("%s needs %s", c.CommandPath(), c.Use).With("see `" + c.CommandPath() + " --help`")
		case most >= 0 && len(args) > most:
			return clierr.Usagef("%s: unexpected argument %q", c.CommandPath(), args[most]).With("see `" + c.CommandPath() + " --help`")
		}
		return nil
	}
}
