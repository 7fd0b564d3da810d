package cli

import (
	"testing"

	"github.com/mythos-project/mythos/internal/cli/cmdutil"
)

// Every row of the table makes the command that it names, and starting with that name makes no other.
func TestOneCommandAStart(t *testing.T) {
	f := cmdutil.New()
	for _, c := range commands {
		if got := c.make(f).Name(); got != c.name {
			t.Errorf("the row %q makes the command %q", c.name, got)
		}
		root := newRoot(f)
		addAsked(f, root, []string{"-C", "version", "--json", "--repo=log", c.name, "status", "--help"})
		if all := root.Commands(); len(all) != 1 || all[0].Name() != c.name {
			t.Errorf("%s: the tree has %d commands", c.name, len(all))
		}
	}
	if len(commands) < 50 {
		t.Errorf("only %d commands", len(commands))
	}
}

// A name of no command gets the whole tree: for help, completion and typing errors.
func TestWholeTree(t *testing.T) {
	for _, args := range [][]string{nil, {"--help"}, {"help", "blob"}, {"__complete", "blob", ""}, {"bolb", "ls"}, {"-C", "blob"}, {"--", "blob"}} {
		f := cmdutil.New()
		root := newRoot(f)
		addAsked(f, root, args)
		if got := len(root.Commands()); got != len(commands) {
			t.Errorf("%q: the tree has %d commands of %d", args, got, len(commands))
		}
	}
}
