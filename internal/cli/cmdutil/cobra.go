package cmdutil

import (
	"strings"

	"github.com/spf13/cobra"

	"github.com/mythos-project/mythos/internal/cli/clierr"
)

// Noun makes a command that only contains verbs.
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

// Unknown is the error for a word that is not a command of c. It suggests similar commands.
func Unknown(c *cobra.Command, word string) error {
	hint := "see `" + c.CommandPath() + " --help`"
	if c.SuggestionsMinimumDistance = 2; len(word) < 3 {
		c.SuggestionsMinimumDistance = 1 // two typing errors in a word of two letters leave nothing
	}
	if near := c.SuggestionsFor(word); len(near) > 0 {
		hint = "did you mean `" + c.CommandPath() + " " + strings.Join(near, "` or `"+c.CommandPath()+" ") + "`? Or " + hint
	}
	return clierr.Usagef("unknown command %q for %q", word, c.CommandPath()).With(hint)
}

// Required refuses to run c unless each of the flags was given a value: a flag that decides what is changed must have
// no default that a user could get by accident.
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
