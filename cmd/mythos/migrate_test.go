//go:build unix

package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/mythos-project/mythos/internal/engine"
	"github.com/mythos-project/mythos/internal/pgtest"
	"github.com/mythos-project/mythos/internal/s3test"
	"github.com/mythos-project/mythos/object"
)

// contents returns all keys and chunks of the repository in a folder.
func contents(t *testing.T, dir string) map[string]string {
	t.Helper()
	e, err := engine.Open(filepath.Join(dir, ".mythos"), engine.Options{Wait: time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]string{}
	err = e.DB.Scan(t.Context(), "\x01", "\xff", func(key string, value []byte) error {
		all["key "+key] = string(value)
		return nil
	})
	var chunks []object.Hash
	err = errors.Join(err, e.Chunks.ScanChunks(t.Context(), func(h object.Hash, _ int64) error {
		chunks = append(chunks, h)
		return nil
	}))
	for _, h := range chunks {
		data, cerr := e.Chunks.Chunk(t.Context(), h)
		err = errors.Join(err, cerr)
		all["chunk "+h.String()] = string(data)
	}
	if err = errors.Join(err, e.Close()); err != nil || len(chunks) == 0 {
		t.Fatal(len(chunks), err)
	}
	return all
}

// holdUp makes a process wait for a lock of the server that a statement takes here, and then kills it.
func holdUp(t *testing.T, url, statement string, begin func() *process) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.WithoutCancel(t.Context()))
	if _, err := conn.Exec(t.Context(), "BEGIN; "+statement); err != nil {
		t.Fatal(err)
	}
	waits := fmt.Sprintf("SELECT EXISTS (SELECT FROM pg_stat_activity WHERE %d = ANY (pg_blocking_pids(pid)))", conn.PgConn().PID())
	killWhen(t, url, waits, begin())
}

// killWhen kills a process once a condition of the database holds; it must not end before.
func killWhen(t *testing.T, url, condition string, p *process) {
	t.Helper()
	ended := make(chan error, 1)
	go func() { ended <- p.Wait() }()
	for !pgHas(t, url, condition) {
		select {
		case err := <-ended:
			t.Fatalf("it has ended before %s: %v: %s", condition, err, p.log)
		case <-time.After(5 * time.Millisecond):
		}
	}
	p.signal(t, syscall.SIGKILL)
	<-ended
}

// TestMigrateKilled: a move is killed during its chunks, during its keys, when everything is copied but the source is
// not yet marked, and when it is marked but the destination is not yet opened; to shared storage and back. In between
// the source is in use, until it is marked. At the end all keys and chunks are the same.
func TestMigrateKilled(t *testing.T) {
	pg, s3 := pgtest.Shared(t), s3test.Shared(t)
	t.Setenv(enginesVar, "")
	root, database := t.TempDir(), pg.Database(t)
	where := []string{"--store", database, "--chunks", s3.Bucket(t)}
	folder := func(name string) string { return filepath.Join(root, name) }
	mustRun(t, root, "init", "one")
	n := 0
	use := func(dir string) {
		n++
		big := filepath.Join(root, "big")
		if err := os.WriteFile(big, []byte(strings.Repeat(fmt.Sprint("line ", n), 30000)), 0o600); err != nil {
			t.Fatal(err)
		}
		mustRun(t, dir, "blob", "put", big)
		mustRun(t, dir, "once", fmt.Sprint("key ", n), "--", "echo", "done")
	}
	use(folder("one"))

	there := append([]string{"migrate", "--accept-loss", "--to", database}, where[2:]...)
	move := func() *process { return begin(t, folder("one"), there...) }
	killWhen(t, database, "SELECT to_regclass('mythos.repository') IS NOT NULL", move())
	// It may already have been done; a marked source can no longer be used.
	if _, err := os.Stat(filepath.Join(folder("one"), ".mythos", "moved")); err != nil {
		for _, lock := range []string{"LOCK TABLE mythos.chunk", "LOCK TABLE mythos.kv IN SHARE MODE"} {
			use(folder("one"))
			holdUp(t, database, lock, move)
			if _, errOut, code := outcome(t, command(root, append([]string{"join", "early"}, where...)...)); code != 7 {
				t.Fatalf("join a place that is not ready: exit code %d: %s", code, errOut)
			}
		}
		use(folder("one"))
		before := contents(t, folder("one"))
		holdUp(t, database, "SELECT FROM mythos.repository FOR SHARE", move)
		if _, errOut, code := outcome(t, command(folder("one"), "once", "late", "--", "echo", "no")); code != 4 {
			t.Fatalf("the source is marked: exit code %d: %s", code, errOut)
		}
		mustRun(t, folder("one"), there...)
		mustRun(t, root, append([]string{"join", "two"}, where...)...)
		same(t, before, contents(t, folder("two")))
	} else {
		mustRun(t, folder("one"), there...)
		mustRun(t, root, append([]string{"join", "two"}, where...)...)
	}

	back := []string{"migrate", "--to", folder("three")}
	moveBack := func() *process { return begin(t, folder("two"), back...) }
	for _, lock := range []string{"LOCK TABLE mythos.chunk", "SELECT FROM mythos.repository FOR SHARE"} {
		use(folder("two"))
		holdUp(t, database, lock, moveBack)
		if _, errOut, code := outcome(t, command(folder("three"), "status")); code != 7 {
			t.Fatalf("use a place that is not ready: exit code %d: %s", code, errOut)
		}
	}
	use(folder("two"))
	before := contents(t, folder("two"))
	mustRun(t, folder("two"), back...)
	same(t, before, contents(t, folder("three")))
	mustRun(t, folder("three"), "ledger", "verify")
}

func pgHas(t *testing.T, url, sql string) (yes bool) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.WithoutCancel(t.Context()))
	if err := conn.QueryRow(t.Context(), sql).Scan(&yes); err != nil {
		t.Fatal(err)
	}
	return yes
}

func same(t *testing.T, before, after map[string]string) {
	t.Helper()
	for name, value := range before {
		if got, found := after[name]; !found || got != value {
			t.Errorf("%s is not what it was (there: %v)", name, found)
		}
	}
	for name := range after {
		if _, found := before[name]; !found && strings.HasPrefix(name, "key ") {
			t.Errorf("%s is new", name)
		}
	}
}

// TestMigrateInUse: everything that was acknowledged to processes that write all the time is in the destination.
func TestMigrateInUse(t *testing.T) {
	t.Setenv(enginesVar, "")
	t.Setenv("MYTHOS_BUSY", "5m")
	root := t.TempDir()
	source, target := filepath.Join(root, "one"), filepath.Join(root, "two")
	mustRun(t, root, "init", "one")
	var mu sync.Mutex
	var wg sync.WaitGroup
	kept := map[string]string{} // content ids by text
	for w := range 2 {
		wg.Go(func() {
			for i := 0; ; i++ {
				text := fmt.Sprintf("writer %d text %d", w, i)
				cmd := command(source, "blob", "put", "-")
				cmd.Stdin = strings.NewReader(text)
				out, errOut, code := outcome(t, cmd)
				if code == 4 {
					return
				}
				if code == 7 { // it waited for the move long enough: nothing was acknowledged
					continue
				}
				if code != 0 {
					t.Errorf("exit code %d: %s", code, errOut)
					return
				}
				mu.Lock()
				kept[text] = strings.TrimSpace(string(out))
				mu.Unlock()
			}
		})
	}
	for {
		mu.Lock()
		n := len(kept)
		mu.Unlock()
		if n >= 4 || t.Failed() {
			break
		}
		time.Sleep(5 * time.Millisecond)
	}
	mustRun(t, source, "migrate", "--to", target)
	wg.Wait()
	for text, cid := range kept {
		if got := mustRun(t, target, "blob", "get", cid); got != text {
			t.Errorf("%s: %q, expected %q", cid, got, text)
		}
	}
}
