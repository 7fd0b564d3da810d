package cmdutil

import (
	"strings"

	"github.com/spf13/cobra"

	"github.com/mythos-project/mythos/internal/cli/clierr"
)

// Noun makes a command that only holds verbs.
func Noun(use, short string, verbs ...*cobra.Command) *cobra.Command {
	c := &cobra.Command{Use: use + " VERB", Short: short, RunE: func(c *cobra.Command, args []string) error {
		if len(args) > 0 {
			return Unknown(c, args[0])
		}
		return c.Help()
	}}
	c.AddCommand(verbs...)
	return c
}

// Unknown is the error of a word that is no command of c: it names the commands that the
// word may have been meant for.
func Unknown(c *cobra.Command, word string) error {
	hint := "see `" + c.CommandPath() + " --help`"
	if c.SuggestionsMinimumDistance = 2; len(word) < 3 {
		c.SuggestionsMinimumDistance = 1 // of two letters, two typing errors leave nothing
	}
	if near := c.SuggestionsFor(word); len(near) > 0 {
		hint = "did you mean `" + c.CommandPath() + " " + strings.Join(near, "` or `"+c.CommandPath()+" ") + "`? Or " + hint
	}
	return clierr.Usagef("unknown command %q for %q", word, c.CommandPath()).With(hint)
}

// Required refuses to run c unless each of the flags was given, with a value: a flag that
// decides what is changed has no default that somebody could mean by accident.
func Required(c *cobra.Command, names ...string) error {
	for _, name := range names {
		flag := c.Flags().Lookup(name)
		if flag == nil || !flag.Changed || flag.Value.String() == "" {
			return clierr.Usagef("%s: --%s is required", c.CommandPath(), name).With("see `" + c.CommandPath() + " --help`")
		}
	}
	return nil
}

// Args checks the number of arguments: at least least, at most most (-1: any).
func Args(least, most int) cobra.PositionalArgs {
	return func(c *cobra.Command, args []string) error {
		switch {
		case len(args) < least:
			_, wants, _ := strings.Cut(c.Use, " ")
			return clierr.Usagef("%s needs %s", c.CommandPath(), wants).With("see `" + c.CommandPath() + " --help`")
		case most >= 0 && len(args) > most:
			return clierr.Usagef("%s: unexpected argument %q", c.CommandPath(), args[most]).With("see `" + c.CommandPath() + " --help`")
		}
		return nil
	}
}
