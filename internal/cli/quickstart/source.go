package quickstart

import (
	"context"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/mythos-project/mythos/internal/cli/clierr"
)

// fewest is how many tests, and how many other Go files, are needed to learn to distinguish them: a fifth of them is
// held out.
const fewest = 30

// source finds the directory to work on, and counts its files.
func source(ctx context.Context, dir string) (string, error) {
	if _, err := exec.LookPath("go"); err != nil {
		return "", clierr.New(clierr.NotFound, "no Go toolchain: %w", err).With("--full builds tools with Go (https://go.dev/dl); `mythos quickstart` alone does not need it")
	}
	if dir == "" {
		out, err := exec.CommandContext(ctx, "go", "env", "GOROOT").Output()
		if err != nil {
			return "", clierr.New(clierr.NotFound, "go env GOROOT: %w", err).With("name another directory with Go sources and tests with --dir")
		}
		dir = filepath.Join(strings.TrimSpace(string(out)), "src")
	}
	abs, err := filepath.Abs(dir)
	if err != nil {
		return "", err
	}
	if st, err := os.Stat(abs); err != nil || !st.IsDir() {
		return "", clierr.New(clierr.NotFound, "%s is not a directory", abs).On(abs)
	}
	tests, others, err := count(ctx, abs)
	if err == nil && (tests < fewest || others < fewest) {
		err = clierr.New(clierr.Failed, "%s has %d Go tests and %d other Go files; at least %d of each are needed", abs, tests, others, fewest).On(abs).
			With("name a larger directory with --dir, or leave it out for the Go toolchain's own sources")
	}
	return abs, err
}

// count counts Go files in the same way as full.sh, until there are enough.
func count(ctx context.Context, dir string) (tests, others int, err error) {
	err = filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || ctx.Err() != nil {
			return ctx.Err() // unreadable files do not count
		}
		info, err := d.Info()
		switch {
		case d.IsDir() && path != dir && strings.HasPrefix(d.Name(), "."):
			return fs.SkipDir
		case err != nil || !info.Mode().IsRegular() || info.Size() == 0 || info.Size() > 256<<10:
		case strings.HasSuffix(path, "_test.go"):
			tests++
		case strings.HasSuffix(path, ".go"):
			others++
		}
		if tests >= fewest && others >= fewest {
			return fs.SkipAll
		}
		return nil
	})
	return tests, others, err
}
