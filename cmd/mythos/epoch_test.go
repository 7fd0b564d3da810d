//go:build unix

package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/mythos-project/mythos/internal/pgtest"
	"github.com/mythos-project/mythos/internal/s3test"
)

// TestRestoredBackup: an old backup of the database is restored. No machine runs anything until a new epoch begins, whose receipt
// names the last good checkpoint; and it holds when another old backup is restored.
func TestRestoredBackup(t *testing.T) {
	pg, s3 := pgtest.Shared(t), s3test.Shared(t)
	t.Setenv(enginesVar, "")
	root, database := t.TempDir(), pg.Database(t)
	where := []string{"--store", database, "--chunks", s3.Bucket(t)}
	one, two, ran := filepath.Join(root, "one"), filepath.Join(root, "two"), filepath.Join(root, "ran")
	mustRun(t, root, append([]string{"init", "one", "--accept-loss"}, where...)...)
	mustRun(t, root, append([]string{"join", "two"}, where...)...)
	once := func(dir, key string) (errOut string, code int) {
		_, errOut, code = outcome(t, command(dir, "once", key, "--", "sh", "-c", "echo "+key+" >> "+ran))
		return errOut, code
	}
	effect := func(dir, key string) {
		t.Helper()
		if errOut, code := once(dir, key); code != 0 {
			t.Fatalf("exit code %d: %s", code, errOut)
		}
	}
	refused := func(dir, key string) {
		t.Helper()
		if errOut, code := once(dir, key); code != 4 || !strings.Contains(errOut, "new-epoch") {
			t.Fatalf("exit code %d: %s", code, errOut)
		}
	}
	effect(one, "kept")
	if _, errOut, code := outcome(t, command(one, "ledger", "new-epoch")); code != 4 {
		t.Fatalf("an epoch without a reason: exit code %d: %s", code, errOut)
	}
	good := mustRun(t, one, "ledger", "checkpoint")
	restore := pg.Backup(t, database)
	effect(two, "lost")
	effect(one, "lost too")
	lost := filepath.Join(root, "lost.txt")
	if err := os.WriteFile(lost, []byte(mustRun(t, one, "ledger", "checkpoint")), 0o600); err != nil {
		t.Fatal(err)
	}

	for _, stranger := range []bool{false, true} {
		restore()
		refused(two, "lost")
		refused(one, "lost too")
		refused(one, "new")
		effect(one, "kept") // which is replayed
		if stranger {       // two published last
			if _, errOut, code := outcome(t, command(one, "ledger", "new-epoch")); code != 4 || !strings.Contains(errOut, "mythos trust add") {
				t.Fatalf("an epoch by a stranger's checkpoint: exit code %d: %s", code, errOut)
			}
			mustRun(t, one, "trust", "add", strings.TrimSpace(mustRun(t, two, "key", "export")), "--name", "two", "--for", "tool")
		}
		var e struct {
			Seq, Good, Lost uint64
		}
		if err := json.Unmarshal([]byte(mustRun(t, one, "ledger", "new-epoch", "--json")), &e); err != nil {
			t.Fatal(err)
		}
		size := strings.Split(good, "\n")[1]
		entries, err := json.Number(size).Int64()
		if err != nil || e.Seq != uint64(entries) || e.Good != e.Seq || e.Lost <= e.Good {
			t.Fatalf("%+v after %s entries, %v", e, size, err)
		}
		mustRun(t, two, "ledger", "verify")
		effect(two, "lost") // again: it was forgotten
		effect(one, "after")
		effect(two, "after")
		if _, errOut, code := outcome(t, command(one, "ledger", "verify", "--checkpoint", lost)); code != 5 || !strings.Contains(errOut, "earlier epoch") {
			t.Fatalf("exit code %d: %s", code, errOut)
		}
		if _, errOut, code := outcome(t, command(one, "ledger", "new-epoch")); code != 4 {
			t.Fatalf("another epoch: exit code %d: %s", code, errOut)
		}
	}
	text, err := os.ReadFile(ran)
	if got := string(text); err != nil || got != "kept\nlost\nlost too\nlost\nafter\nlost\nafter\n" {
		t.Errorf("%q, %v", got, err)
	}
}
