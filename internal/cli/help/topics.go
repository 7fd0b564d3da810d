package help

import (
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/mythos-project/mythos/internal/cli/clierr"
	"github.com/mythos-project/mythos/internal/cli/cmdutil"
)

// topics are the pages that do not belong to a command.
var topics = map[string]func(root *cobra.Command) []string{
	"commands":   commands,
	"exit-codes": func(*cobra.Command) []string { return codes() },
	"times":      func(*cobra.Command) []string { return whole(times) },
}

// times describes the forms of times and spans, which all commands share.
const times = `A point in time:
  now, today, yesterday        days begin at midnight, UTC
  90m, 2h, 7d, 1w              so long ago; also 1h30m
  2026-01-31                   a date
  2026-01-31 14:00             a time, UTC
  2026-01-31T14:00:00+02:00    RFC 3339, with a zone
  1769868000                   seconds since 1970; also ms, us and ns, by their magnitude
A span of time, for flags such as --ttl and --timeout:
  90s, 15m, 2h, 7d, 1w, 1h30m
Output is in UTC.`

// newCommand is `mythos help`.
func newCommand(f *cmdutil.Factory) *cobra.Command {
	return &cobra.Command{
		Use: "help [COMMAND|TOPIC]", Short: "Say everything about a command; topics: commands, exit-codes, times",
		ValidArgsFunction: func(c *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
			return names(c.Root(), args), cobra.ShellCompDirectiveNoFileComp
		},
		RunE: func(c *cobra.Command, args []string) error {
			root := c.Root()
			if f.JSON {
				return clierr.Usagef("mythos help has no JSON")
			}
			if len(args) == 0 {
				return root.Help()
			}
			if topic := topics[args[0]]; topic != nil && len(args) == 1 {
				f.IO.Text(text(topic(root)))
				return nil
			}
			about, rest, err := root.Find(args)
			if err != nil || len(rest) > 0 {
				return cmdutil.Unknown(about, strings.Join(rest, " "))
			}
			f.IO.Text(Manual(about))
			return nil
		},
	}
}

// names are the words that may follow args.
func names(root *cobra.Command, args []string) []string {
	about, rest, err := root.Find(args)
	if err != nil || len(rest) > 0 {
		return nil
	}
	var list []string
	for _, sub := range about.Commands() {
		if sub.IsAvailableCommand() {
			list = append(list, sub.Name()+"\t"+sub.Short)
		}
	}
	if len(args) == 0 {
		for topic := range topics {
			list = append(list, topic)
		}
	}
	slices.Sort(list)
	return list
}
