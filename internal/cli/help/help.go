// Package help formats the commands' help. `--help` is one screen: what the command does, its usage, an example, its
// flags by importance. `mythos help COMMAND` is everything, as in the manual page. Git has the same two: `-h` for a
// forgotten flag, the manual for reading.
package help

import (
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/mythos-project/mythos/internal/cli/clierr"
	"github.com/mythos-project/mythos/internal/cli/cmdutil"
)

// The size of a screen: the smallest terminal that people use has 24 rows, and the prompt is
// one of them.
const (
	Rows    = 23
	Columns = 80
)

func init() { cobra.EnableCommandSorting = false } // lists are in the order of use

// Install gives the root and all commands below it their help.
func Install(f *cmdutil.Factory, root *cobra.Command) {
	for _, g := range groups {
		root.AddGroup(&cobra.Group{ID: g.id, Title: g.title})
	}
	root.SetHelpFunc(func(c *cobra.Command, _ []string) { f.IO.Text(Screen(c)) })
	root.SetHelpCommand(newCommand(f))
}

// Screen is what --help prints.
func Screen(c *cobra.Command) string {
	if !c.HasParent() {
		return text(overview(c))
	}
	head := append(wrap("", "", c.Short), "")
	head = append(head, usage(c)...)
	tail := []string{"",
		"Everywhere: -C DIR --repo DIR --json -q -v --no-color --no-pager",
		"More: mythos help " + path(c) + "; exit codes: mythos help exit-codes"}
	if c.HasAvailableSubCommands() {
		return text(head, []string{""}, verbs(c), tail)
	}
	head = append(head, examples(c, 2)...)
	return text(head, body(c, Rows-len(head)-len(tail)), tail)
}

// body is the description and the flags of a command, as much of them as fits the rows; flags have priority.
func body(c *cobra.Command, most int) []string {
	flags := own(c)
	described := func(about, flags []string) []string { return append(section(about), section(flags)...) }
	about := whole(c.Long)
	for _, brief := range []bool{false, true} {
		if lines := described(about, rows(flags, brief)); len(lines) <= most {
			return lines
		}
	}
	shown := foremost(flags, most-1-len(section(beginning(c.Long, reserved))))
	return described(beginning(c.Long, most-len(section(shown))-1), shown)
}

// reserved is the minimum number of rows for the beginning of the description, before flags.
const reserved = 3

// section puts an empty line before lines, if there are any, and leaves none after them.
func section(lines []string) []string {
	for len(lines) > 0 && lines[len(lines)-1] == "" {
		lines = lines[:len(lines)-1]
	}
	if len(lines) == 0 {
		return nil
	}
	return append([]string{""}, lines...)
}

// Manual is what `mythos help COMMAND` prints.
func Manual(c *cobra.Command) string {
	if !c.HasParent() {
		return text(commands(c))
	}
	parts := [][]string{wrap("", "", c.Short), section(whole(c.Long)), {""}, usage(c), examples(c, 99)}
	if c.HasAvailableSubCommands() {
		parts = append(parts, section(verbs(c)))
	}
	if flags := rows(own(c), false); len(flags) > 0 {
		parts = append(parts, []string{"", "Flags:"}, flags)
	}
	var global []*pflag.Flag
	c.InheritedFlags().VisitAll(func(flag *pflag.Flag) { global = append(global, flag) })
	return text(append(parts, []string{"", "Flags of every command:"}, rows(global, false), []string{"", "Exit codes:"}, codes())...)
}

func usage(c *cobra.Command) []string {
	use := c.Use
	if c.HasParent() {
		use = c.Parent().CommandPath() + " " + use
	}
	const first = "Usage:   "
	return wrap(first, strings.Repeat(" ", len(first)+len(c.CommandPath())+1), use)
}

// examples are a command's examples, up to a number, each broken with shell continuation lines.
func examples(c *cobra.Command, most int) []string {
	var lines []string
	for line := range strings.Lines(c.Example) {
		if most--; most < 0 {
			break
		}
		label := "Example: "
		if len(lines) > 0 {
			label = "         "
		}
		lines = append(lines, broken(label, strings.TrimSpace(line))...)
	}
	return lines
}

// verbs are the commands of a noun.
func verbs(c *cobra.Command) []string {
	var entries []entry
	for _, sub := range c.Commands() {
		if sub.IsAvailableCommand() {
			entries = append(entries, entry{sub.Name(), sub.Short})
		}
	}
	return list(entries)
}

// codes are the exit codes.
func codes() []string {
	return strings.Split(strings.TrimRight(clierr.Table(), "\n"), "\n")
}

// path is how `mythos help` names a command.
func path(c *cobra.Command) string {
	return strings.TrimPrefix(c.CommandPath(), c.Root().Name()+" ")
}

func text(parts ...[]string) string {
	var b strings.Builder
	for _, part := range parts {
		for _, line := range part {
			b.WriteString(strings.TrimRight(line, " ") + "\n")
		}
	}
	return b.String()
}
