package help_test

import (
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/mythos-project/mythos/internal/cli"
	"github.com/mythos-project/mythos/internal/cli/cmdutil"
	"github.com/mythos-project/mythos/internal/cli/help"
)

// all calls do for every command of the tree.
func all(t *testing.T, do func(c *cobra.Command)) {
	t.Helper()
	n := 0
	var walk func(c *cobra.Command)
	walk = func(c *cobra.Command) {
		n++
		do(c)
		for _, sub := range c.Commands() {
			walk(sub)
		}
	}
	walk(cli.NewRoot(cmdutil.New()))
	if n < 100 {
		t.Errorf("only %d commands", n)
	}
}

// The help of every command fits on the smallest terminal, with the prompt below it, and
// names every flag.
func TestEveryHelpFitsOnAScreen(t *testing.T) {
	all(t, func(c *cobra.Command) {
		screen := help.Screen(c)
		if n := strings.Count(screen, "\n"); n > help.Rows {
			t.Errorf("%s --help has %d rows:\n%s", c.CommandPath(), n, screen)
		}
		for line := range strings.Lines(screen) {
			if w := utf8.RuneCountInString(strings.TrimRight(line, "\n")); w > help.Columns {
				t.Errorf("%s --help has a line of %d columns: %s", c.CommandPath(), w, line)
			}
		}
	})
}

// What the screen leaves out, `mythos help COMMAND` says, within the line width if the words allow it.
func TestManualSaysEverything(t *testing.T) {
	all(t, func(c *cobra.Command) {
		if !c.HasParent() {
			return
		}
		screen, manual := help.Screen(c), help.Manual(c)
		c.NonInheritedFlags().VisitAll(func(flag *pflag.Flag) {
			if flag.Hidden || flag.Name == "help" {
				return
			}
			if !strings.Contains(screen, "--"+flag.Name) {
				t.Errorf("%s --help does not name --%s", c.CommandPath(), flag.Name)
			}
			_, usage := pflag.UnquoteUsage(flag)
			if !strings.Contains(flat(manual), flat(usage)) {
				t.Errorf("mythos help %s does not say of --%s: %s", c.CommandPath(), flag.Name, usage)
			}
		})
		for _, said := range []string{c.Short, c.Long} {
			if !strings.Contains(flat(manual), flat(said)) {
				t.Errorf("mythos help %s does not say: %s", c.CommandPath(), said)
			}
		}
	})
}

// The paragraphs of a description stay apart.
func TestParagraphsStayApart(t *testing.T) {
	apart := 0
	all(t, func(c *cobra.Command) {
		manual := help.Manual(c)
		for _, p := range strings.Split(strings.TrimRight(c.Long, "\n"), "\n\n") {
			first, _, _ := strings.Cut(p, " ")
			if apart++; c.HasParent() && !strings.Contains(manual, "\n\n"+first) {
				t.Errorf("mythos help %s: %q does not follow an empty line", c.CommandPath(), first)
			}
		}
	})
	if apart < 100 {
		t.Errorf("only %d paragraphs", apart)
	}
}

func flat(text string) string { return strings.Join(strings.Fields(text), " ") }

// Every command is in a group, and the first screen names it.
func TestOverviewNamesEveryCommand(t *testing.T) {
	root := cli.NewRoot(cmdutil.New())
	words := strings.Fields(help.Screen(root))
	for _, c := range root.Commands() {
		if !slices.Contains(words, c.Name()) || c.GroupID == "" {
			t.Errorf("mythos --help does not name %s, of group %q", c.Name(), c.GroupID)
		}
	}
}
