// Command gen writes the generated files: `go generate ./internal/docgen`, or
// `make generate`.
package main

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/mythos-project/mythos/internal/docgen"
)

func main() {
	if err := run(filepath.Join("..", "..")); err != nil {
		fmt.Fprintln(os.Stderr, "docgen:", err)
		os.Exit(1)
	}
}

// run writes the generated files and removes those that are no longer generated.
func run(root string) error {
	files, err := docgen.Load(root).Generate()
	if err != nil {
		return err
	}
	extra, err := docgen.Extra(root, files)
	if err != nil {
		return err
	}
	for _, name := range extra {
		if err := os.Remove(filepath.Join(root, name)); err != nil {
			return err
		}
	}
	for name, data := range files {
		file := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(file, data, 0o644); err != nil {
			return err
		}
	}
	return nil
}
