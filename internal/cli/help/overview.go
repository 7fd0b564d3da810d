package help

import (
	"strings"

	"github.com/spf13/cobra"
)

// The groups of commands, in the order in which they are listed.
const (
	Start     = "start"
	Effects   = "effects"
	Authority = "authority"
	Data      = "data"
	Models    = "models"
	Peers     = "peers"
	Plumbing  = "plumbing"
)

var groups = []struct{ id, title string }{
	{Start, "Start here"},
	{Effects, "Effects"},
	{Authority, "Authority"},
	{Data, "Data"},
	{Models, "Models"},
	{Peers, "Peers"},
	{Plumbing, "Plumbing"},
}

// of lists the commands of a group, in the root's order.
func of(root *cobra.Command, group string) []entry {
	var list []entry
	for _, c := range root.Commands() {
		if c.GroupID == group && c.IsAvailableCommand() {
			list = append(list, entry{c.Name(), c.Short})
		}
	}
	return list
}

// overview is the root's help: the everyday commands with their descriptions, the others by name.
func overview(root *cobra.Command) []string {
	lines := append(list(of(root, Start)), "")
	for _, g := range groups[1:] {
		var names []string
		for _, e := range of(root, g.id) {
			names = append(names, e.name)
		}
		const column = 13
		lines = append(lines, wrap("  "+g.title+strings.Repeat(" ", column-2-len(g.title)), strings.Repeat(" ", column), strings.Join(names, " "))...)
	}
	head := []string{root.Short + ". Usage: mythos COMMAND [ARG]...", ""}
	return append(append(head, lines...), "",
		"Each has --help. More: mythos help COMMAND, or commands, exit-codes, times.")
}

// commands lists every command by its group.
func commands(root *cobra.Command) []string {
	var lines []string
	for i, g := range groups {
		if i > 0 {
			lines = append(lines, "")
		}
		lines = append(append(lines, g.title+":"), list(of(root, g.id))...)
	}
	return lines
}
