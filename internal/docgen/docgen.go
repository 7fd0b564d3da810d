// Package docgen generates files from the live command tree: manual pages, completion scripts, a JSON Schema for each
// command that writes JSON, the tables of exit codes and of settings, and a picture of the packages. They are checked
// in; a test compares them with the output of Generate, and `make generate` writes them.
package docgen

//go:generate go run ./gen

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/mythos-project/mythos/internal/cli"
	"github.com/mythos-project/mythos/internal/cli/cmdutil"
)

// Folders are the folders that hold only generated files, relative to the module's root.
var Folders = []string{"completions", "man", "schemas"}

// Tree is the live command tree with everything that its commands declare.
type Tree struct {
	Root    *cobra.Command
	Factory *cmdutil.Factory
	source  string // the module's root, where comments are read
}

// Load builds the command tree; source is the module's root.
func Load(source string) *Tree {
	f := cmdutil.New()
	return &Tree{Root: cli.NewRoot(f), Factory: f, source: source}
}

// Commands lists every command that a person can run: the root first, then ordered by path.
func (t *Tree) Commands() []*cobra.Command {
	var list []*cobra.Command
	var walk func(c *cobra.Command)
	walk = func(c *cobra.Command) {
		if c.Hidden || c.Name() == "help" {
			return
		}
		list = append(list, c)
		for _, sub := range c.Commands() {
			walk(sub)
		}
	}
	walk(t.Root)
	slices.SortFunc(list, func(a, b *cobra.Command) int { return strings.Compare(a.CommandPath(), b.CommandPath()) })
	return list
}

// Leaf reports whether c does something itself, instead of grouping other commands.
func Leaf(c *cobra.Command) bool { return !c.HasSubCommands() }

// fileName is the command's path as a file's name: "mythos-blob-put".
func fileName(c *cobra.Command) string { return strings.ReplaceAll(c.CommandPath(), " ", "-") }

// Generate generates every file; the keys are paths from the module's root.
func (t *Tree) Generate() (map[string][]byte, error) {
	files := map[string][]byte{}
	for _, part := range []func(map[string][]byte) error{t.man, t.completions, t.schemas, t.exitCodes, t.settings, t.architecture, t.openAPI} {
		if err := part(files); err != nil {
			return nil, err
		}
	}
	return files, nil
}

// Stale compares the files on the disk with files. For each one that differs, is missing or should not exist, it says
// what is wrong.
func Stale(root string, files map[string][]byte) ([]string, error) {
	var found []string
	for name, want := range files {
		got, err := os.ReadFile(filepath.Join(root, name))
		switch {
		case os.IsNotExist(err):
			found = append(found, name+" is missing")
		case err != nil:
			return nil, err
		case string(got) != string(want):
			found = append(found, name+" is out of date")
		}
	}
	extra, err := Extra(root, files)
	for _, name := range extra {
		found = append(found, name+" is not generated any more")
	}
	slices.Sort(found)
	return found, err
}

// Extra lists what is in the generated folders but not in files.
func Extra(root string, files map[string][]byte) ([]string, error) {
	var extra []string
	for _, folder := range Folders {
		err := fs.WalkDir(os.DirFS(root), folder, func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() {
				return err
			}
			if _, ok := files[path]; !ok {
				extra = append(extra, path)
			}
			return nil
		})
		if err != nil && !os.IsNotExist(err) {
			return nil, fmt.Errorf("look for old files: %w", err)
		}
	}
	return extra, nil
}
