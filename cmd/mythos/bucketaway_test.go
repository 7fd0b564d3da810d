//go:build unix

package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/mythos-project/mythos/internal/pgtest"
	"github.com/mythos-project/mythos/internal/s3test"
)

// TestBucketAway: while the object store is unreachable, what needs no large chunk continues, a large response waits
// for it, and the status says so. When it is back, the response is stored, and the tool has run once.
func TestBucketAway(t *testing.T) {
	_ = s3test.Shared(t) // it is installed, and its keys are in the environment
	s3, err := s3test.Start()
	if err != nil {
		t.Fatal(err)
	}
	defer s3.Stop() //nolint:errcheck // there is nobody to tell
	t.Setenv(enginesVar, "")
	root := t.TempDir()
	dir, ran := filepath.Join(root, "m"), filepath.Join(root, "ran")
	mustRun(t, root, "init", dir, "--accept-loss", "--store", pgtest.Shared(t).Database(t), "--chunks", s3.Bucket(t))
	script := filepath.Join(root, "tool.sh")
	if err := os.WriteFile(script, []byte(`echo ran >>"$1"; head -c "$2" /dev/zero | tr '\0' x`), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, size := range map[string]string{"small": "10", "large": "300000"} {
		mustRun(t, dir, "tool", "add", name, "--unconfined", "--process", "sh", script, ran, size)
		mustRun(t, dir, "cap", "issue", "--scope", "tool.call:"+name)
	}
	times := func() int {
		text, err := os.ReadFile(ran)
		if err != nil {
			t.Fatal(err)
		}
		return bytes.Count(text, []byte("ran\n"))
	}
	first := mustRun(t, dir, "call", "large", "--key", "before")
	s3.Crash()

	mustRun(t, dir, "call", "small", "--key", "meanwhile")
	large := start(t, dir, "call", "large", "--key", "meanwhile")
	waitFor(t, func() bool { return strings.Contains(large.err.String(), "waits for the bucket") }, &large.err)
	if out, errOut, code := outcome(t, command(dir, "cluster", "status", "--json")); code != 1 || !strings.Contains(out, `"bucket":{"reachable":false`) {
		t.Errorf("status: exit code %d, %s%s", code, out, errOut)
	}
	if _, errOut, code := outcome(t, command(dir, "call", "large", "--key", "before")); code != 7 || !strings.Contains(errOut, "cannot be reached") {
		t.Errorf("a large response that is there: exit code %d, %s", code, errOut)
	}
	if n := times(); n != 3 {
		t.Errorf("%d runs, expected were 3", n)
	}

	s3.Restart(t)
	if code := large.end(); code != 0 || large.out.String() != first {
		t.Fatalf("exit code %d, %d bytes: %s", code, large.out.Len(), large.err.String())
	}
	for _, key := range []string{"before", "meanwhile"} {
		if again := mustRun(t, dir, "call", "large", "--key", key); again != first {
			t.Errorf("%s: %d bytes", key, len(again))
		}
	}
	if n := times(); n != 3 {
		t.Errorf("%d runs afterwards, expected were 3", n)
	}
	if status := mustRun(t, dir, "cluster", "status"); !strings.Contains(status, "bucket      reachable") {
		t.Error(status)
	}
	mustRun(t, dir, "ledger", "verify")
	mustRun(t, dir, "fsck")
}
