package main

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

// edgesDir holds inputs that real programs write and that are easy to get wrong. Each folder is a case: its files, and
// check.sh, which runs mythos on them and ends with 0 if the product behaves as its first comment says, or with 77 if
// it cannot be run on this machine.
const edgesDir = "../../testdata/edges"

// edgeTime bounds one case.
const edgeTime = 2 * time.Minute

// TestEdges runs every case in a copy of its folder, with a separate home and the binary under test on PATH.
func TestEdges(t *testing.T) {
	sh, err := exec.LookPath("sh")
	if err != nil {
		t.Skip("no sh is installed")
	}
	cases, err := filepath.Glob(edgesDir + "/*/check.sh")
	if err != nil || len(cases) == 0 {
		t.Fatalf("no cases in %s: %v", edgesDir, err)
	}
	folders, err := os.ReadDir(edgesDir)
	if err != nil || len(folders) != len(cases) {
		t.Fatalf("%s: %d folders, %d of them with a check.sh: %v", edgesDir, len(folders), len(cases), err)
	}
	for _, check := range cases {
		dir := filepath.Dir(check)
		t.Run(filepath.Base(dir), func(t *testing.T) {
			t.Parallel()
			runEdge(t, sh, dir)
		})
	}
}

func runEdge(t *testing.T, sh, dir string) {
	work := t.TempDir()
	if err := os.CopyFS(filepath.Join(work, "case"), os.DirFS(dir)); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), edgeTime)
	defer cancel()
	cmd := exec.CommandContext(ctx, sh, "-eu", "check.sh")
	cmd.Dir = filepath.Join(work, "case")
	cmd.Env = append(os.Environ(), "HOME="+work, "XDG_CACHE_HOME="+work+"/.cache", "NO_COLOR=1")
	cmd.WaitDelay = time.Second
	out, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	switch {
	case errors.As(err, &exit) && exit.ExitCode() == 77:
		t.Skipf("it cannot be run here: %s", out)
	case err != nil:
		t.Errorf("%s: %v\n%s", dir, err, out)
	}
}
