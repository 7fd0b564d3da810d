package help

import (
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// entry is a row of a list: a name and its description.
type entry struct{ name, text string }

// list lays entries out in two columns.
func list(entries []entry) []string {
	width := 0
	for _, e := range entries {
		width = max(width, utf8.RuneCountInString(e.name))
	}
	indent := strings.Repeat(" ", width+4)
	var lines []string
	for _, e := range entries {
		lines = append(lines, wrap("  "+e.name+strings.Repeat(" ", width-utf8.RuneCountInString(e.name)+2), indent, e.text)...)
	}
	return lines
}

// own returns the flags of c itself, in the order of declaration, which is that of importance.
func own(c *cobra.Command) []*pflag.Flag {
	inherited := c.InheritedFlags()
	flags := c.Flags()
	sorted := flags.SortFlags
	flags.SortFlags = false
	defer func() { flags.SortFlags = sorted }()
	var list []*pflag.Flag
	flags.VisitAll(func(flag *pflag.Flag) {
		global := inherited.Lookup(flag.Name) == flag || c.PersistentFlags().Lookup(flag.Name) == flag
		if !flag.Hidden && flag.Name != "help" && !global {
			list = append(list, flag)
		}
	})
	return list
}

// row is a flag with its name and its usage. With brief, the usage is only its first clause.
func row(flag *pflag.Flag, brief bool) entry {
	value, usage := pflag.UnquoteUsage(flag)
	value = strings.TrimSuffix(strings.TrimSuffix(value, "Array"), "Slice")
	name := "    --" + flag.Name
	if flag.Shorthand != "" {
		name = "-" + flag.Shorthand + ", --" + flag.Name
	}
	if value != "" && flag.NoOptDefVal == "" {
		name += " " + value
	}
	if brief {
		usage, _, _ = strings.Cut(usage, "; ")
	}
	if !slices.Contains([]string{"", "0", "0s", "false", "[]"}, flag.DefValue) {
		usage += " (default " + flag.DefValue + ")"
	}
	return entry{name, usage}
}

// rows are all flags as lines.
func rows(flags []*pflag.Flag, brief bool) []string {
	entries := make([]entry, 0, len(flags))
	for _, flag := range flags {
		entries = append(entries, row(flag, brief))
	}
	return list(entries)
}

// foremost returns the first flags with their usage and the others by name only, in at most the given number of lines.
func foremost(flags []*pflag.Flag, most int) []string {
	for n := len(flags); ; n-- {
		lines := rows(flags[:n], true)
		if n < len(flags) {
			names := make([]string, 0, len(flags)-n)
			for _, flag := range flags[n:] {
				names = append(names, "--"+flag.Name)
			}
			lines = append(lines, wrap("  and ", "      ", strings.Join(names, " "))...)
		}
		if len(lines) <= most || n == 0 {
			return lines
		}
	}
}
