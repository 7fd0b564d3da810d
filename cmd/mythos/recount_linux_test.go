package main

import (
	"context"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/mythos-project/mythos/internal/config"
	"github.com/mythos-project/mythos/internal/repo"
	"github.com/mythos-project/mythos/object"
)

// TestQuotasAreRecounted: resetting a counter to an earlier value would give quota back; the receipts show the true
// value. What was interrupted, failed, was refused or did not start is counted as it was charged.
func TestQuotasAreRecounted(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	mustRun(t, dir, "init", "-q")
	mustRun(t, dir, "tool", "add", "-q", "lines", "--unconfined", "--process", "/bin/sh", "-c", "wc -l")
	mustRun(t, dir, "tool", "add", "-q", "fails", "--unconfined", "--process", "/bin/sh", "-c", "exit 3")
	root := issued(t, dir, "cap", "issue", "-q", "--scope", "tool.call:lines,calls=6", "--delegable")
	leaf := issued(t, dir, "cap", "attenuate", root, "-q", "--scope", "tool.call:lines,calls=3")
	other := issued(t, dir, "cap", "issue", "-q", "--scope", "tool.call:fails,calls=6")
	call := func(want int, args ...string) {
		t.Helper()
		if code, out := answer(t, dir, nil, append([]string{"call", "-q"}, args...)...); code != want {
			t.Fatalf("%v: exit code %d: %s", args, code, out)
		}
	}
	call(0, "lines", "--key", "a", "--cap", leaf)
	before := counters(t, dir, nil)
	call(0, "lines", "--key", "b", "--cap", leaf)
	call(0, "lines", "--key", "b", "--cap", leaf) // it is replayed
	call(0, "lines", "--cap", root)
	call(8, "fails", "--key", "c", "--cap", other)
	call(8, "fails", "--key", "c", "--retry", "2", "--cap", other)
	accepted(t, dir, nil, "fsck")
	accepted(t, dir, nil, "ledger", "verify")
	counters(t, dir, before)
	for _, args := range []string{"fsck", "ledger verify"} {
		code, out := answer(t, dir, nil, strings.Fields(args)...)
		if code != 5 || !strings.Contains(out, "was charged 1 calls, and receipts of 2") || !strings.Contains(out, "was charged 1 calls, and receipts of 3") {
			t.Errorf("%s: exit code %d: %s", args, code, out)
		}
	}
}

// counters returns the records of all quotas, after writing put.
func counters(t *testing.T, dir string, put map[string][]byte) map[string][]byte {
	t.Helper()
	root := filepath.Join(dir, repo.Folder)
	cfg, err := config.Load(root)
	if err != nil {
		t.Fatal(err)
	}
	n, err := repo.Open(context.Background(), root, repo.Options{Config: cfg, Now: func() object.Time { return object.TimeOf(time.Now()) }})
	if err != nil {
		t.Fatal(err)
	}
	defer n.Close()
	if put != nil {
		if _, err := n.DB.Update(t.Context(), nil, put); err != nil {
			t.Fatal(err)
		}
	}
	all := map[string][]byte{}
	err = n.DB.Scan(t.Context(), "q/", "q0", func(key string, value []byte) error {
		all[key] = append([]byte{}, value...)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}
