package toolbox

import (
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/mythos-project/mythos/exec"
)

// TestRuntimeOfOnesOwn: for a runtime in somebody's home, or next to our working folder, nothing else there may be
// read.
func TestRuntimeOfOnesOwn(t *testing.T) {
	home, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	work, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv("HOME", home)
	t.Chdir(work)
	for _, c := range []struct {
		folder  string // of the program
		granted []string
		not     []string
	}{
		{home + "/bin", []string{home + "/bin", home + "/lib"}, []string{home}},
		{home + "/.local/bin", []string{home + "/.local/bin", home + "/.local/lib"}, []string{home, home + "/.local"}},
		{work + "/bin", []string{work + "/bin"}, []string{work}},
		{home + "/tools/node/bin", []string{home + "/tools/node"}, []string{home, home + "/tools"}},
	} {
		for _, dir := range []string{c.folder, filepath.Join(filepath.Dir(c.folder), "lib")} {
			if err := os.MkdirAll(dir, 0o700); err != nil {
				t.Fatal(err)
			}
		}
		if err := os.WriteFile(filepath.Join(c.folder, "node"), []byte("#!/bin/sh\n"), 0o700); err != nil {
			t.Fatal(err)
		}
		t.Setenv("PATH", c.folder)
		var m exec.ModuleRef
		if err := addRuntime(&m, "node"); err != nil {
			t.Fatal(err)
		}
		for _, path := range c.granted {
			if !slices.Contains(m.Read, path) {
				t.Errorf("%s/node: %s is not granted: %q", c.folder, path, m.Read)
			}
		}
		for _, path := range c.not {
			if slices.Contains(m.Read, path) {
				t.Errorf("%s/node: all of %s is granted", c.folder, path)
			}
		}
	}
}
