package docgen_test

import (
	"strings"
	"testing"

	"github.com/mythos-project/mythos/internal/cli/clierr"
	"github.com/mythos-project/mythos/internal/cli/help"
	"github.com/mythos-project/mythos/internal/docgen"
)

const root = "../.."

func TestGeneratedFilesAreFresh(t *testing.T) {
	files, err := docgen.Load(root).Generate()
	if err != nil {
		t.Fatal(err)
	}
	if len(files) < 100 {
		t.Fatalf("only %d files", len(files))
	}
	stale, err := docgen.Stale(root, files)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range stale {
		t.Errorf("%s; run `make generate`", s)
	}
}

// TestEveryCommandDeclaresItsResult keeps --json documented: a new command needs a row in the results.go of its
// package.
func TestEveryCommandDeclaresItsResult(t *testing.T) {
	tree := docgen.Load(root)
	leaves := 0
	for _, c := range tree.Commands() {
		if !docgen.Leaf(c) {
			continue
		}
		leaves++
		if _, ok := tree.Factory.Output(c); !ok {
			t.Errorf("%s declares no result: add it to the cmdutil.Results in its package's results.go", c.CommandPath())
		}
	}
	if leaves < 60 {
		t.Errorf("only %d commands found", leaves)
	}
	for _, name := range tree.Factory.Unmatched() {
		t.Errorf("the results of %q have a row for a verb that does not exist", name)
	}
}

// TestEveryHelpIsWhole checks what every help text must have.
func TestEveryHelpIsWhole(t *testing.T) {
	for _, c := range docgen.Load(root).Commands() {
		if c.Short == "" {
			t.Errorf("%s has no short description", c.CommandPath())
		}
		if c.HasParent() && !strings.HasSuffix(help.Manual(c), clierr.Table()) {
			t.Errorf("mythos help %s does not end with the exit codes", c.CommandPath())
		}
		if !docgen.Leaf(c) {
			continue
		}
		if !strings.Contains(c.Example, "mythos "+strings.TrimPrefix(c.CommandPath(), "mythos ")) {
			t.Errorf("%s --help has no example of itself", c.CommandPath())
		}
	}
}
