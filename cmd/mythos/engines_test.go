//go:build unix

package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	osexec "os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/rogpeppe/go-internal/testscript"

	"github.com/mythos-project/mythos/internal/engine"
	"github.com/mythos-project/mythos/internal/pgtest"
	"github.com/mythos-project/mythos/internal/repo"
	"github.com/mythos-project/mythos/internal/s3test"
	"github.com/mythos-project/mythos/object/sign"
)

// enginesVar has the addresses of a PostgreSQL server and a bucket, in two lines: every `mythos init` of a new folder
// then makes a repository there.
const enginesVar = "MYTHOS_TEST_ENGINES"

// notOverEngines are the scripts that are about a database in the repository's folder.
var notOverEngines = map[string]string{
	"agent.txtar":       "waits for the local socket",
	"at.txtar":          "loses the server's database",
	"blob_faults.txtar": "damages the files of chunks",
	"damaged.txtar":     "damages the files of the database",
	"epoch.txtar":       "restores a copy of the folder",
	"fsck.txtar":        "damages the files of chunks",
	"gc.txtar":          "counts chunks in the trash: a bucket has none",
	"hook.txtar":        "damages the files of the database",
	"redact_call.txtar": "looks for a text in the folder",
	"serve_local.txtar": "is about the local socket",
	"servers.txtar":     "looks for the servers' locks in the folder",
	"tree.txtar":        "damages the files of chunks",
}

// overEngines reports whether a script can run on shared storage. One that begins with a copy of a repository's folder
// cannot: the copy would use the same repository.
func overEngines(t *testing.T, file string) bool {
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return notOverEngines[filepath.Base(file)] == "" && !strings.Contains(string(text), "\nlearned ")
}

// engineScripts are those that every test run also runs on shared storage.
var engineScripts = []string{"effect.txtar", "blob.txtar"}

// allEnginesVar makes every test of this package run on shared storage.
const allEnginesVar = "MYTHOS_TEST_ALL_ENGINES"

// startEngines starts the servers that allEnginesVar asks for.
func startEngines() (stop func() error, err error) {
	if os.Getenv(allEnginesVar) == "" {
		return func() error { return nil }, nil
	}
	pg, err := pgtest.Start(false)
	if err != nil {
		return nil, err
	}
	s3, err := s3test.Start()
	if err != nil {
		return nil, errors.Join(err, pg.Stop())
	}
	bucket, err := s3.NewBucket()
	os.Setenv("AWS_ACCESS_KEY_ID", s3test.AccessKey)
	os.Setenv("AWS_SECRET_ACCESS_KEY", s3test.SecretKey)
	os.Setenv(enginesVar, pg.URL("DATABASE")+"\n"+bucket)
	return func() error { return errors.Join(pg.Stop(), s3.Stop()) }, err
}

// toEngines makes `mythos init` of a new folder create its repository in PostgreSQL and a bucket.
func toEngines(args []string) []string {
	where, chunks, ok := strings.Cut(os.Getenv(enginesVar), "\n")
	at := slices.Index(args, "init")
	elsewhere := []string{"--new-database", "--store", "--at", "--server", "--help"}
	if !ok || at < 0 || slices.ContainsFunc(args, func(arg string) bool { return slices.Contains(elsewhere, arg) }) {
		return args
	}
	dir := "."
	if last := args[len(args)-1]; last != "init" && !strings.HasPrefix(last, "-") && (at == len(args)-2 || args[len(args)-2] != "--name") {
		dir = last
	}
	if _, err := engine.ID(filepath.Join(dir, repo.Folder)); err == nil {
		return args
	}
	name := "r" + strings.ToLower(rand.Text())
	conn, err := pgx.Connect(context.Background(), strings.Replace(where, "DATABASE", "postgres", 1))
	if err == nil {
		_, err = conn.Exec(context.Background(), "CREATE DATABASE "+name)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "ENGINES:", err)
		os.Exit(98)
	}
	_ = conn.Close(context.Background())
	return append(slices.Clone(args), "--accept-loss", "--store", strings.Replace(where, "DATABASE", name, 1), "--chunks", strings.Replace(chunks, "?", "/"+name+"?", 1))
}

// TestEngines runs scripts a second time, on PostgreSQL and a bucket, and those of testdata/engines. With allEnginesVar
// it runs all of them (`make engines`).
func TestEngines(t *testing.T) {
	pg, s3 := pgtest.Shared(t), s3test.Shared(t)
	bucket := s3.Bucket(t)
	env := func(env *testscript.Env) {
		env.Setenv("AWS_ACCESS_KEY_ID", s3test.AccessKey)
		env.Setenv("AWS_SECRET_ACCESS_KEY", s3test.SecretKey)
		env.Setenv(enginesVar, "")
	}
	t.Run("own", func(t *testing.T) {
		runScriptsIn(t, testscript.Params{Dir: "testdata/engines"}, filepath.Join(t.TempDir(), "coverage"), func(e *testscript.Env) {
			env(e)
			e.Setenv("STORE", pg.Database(t))
			e.Setenv("STORE2", pg.Database(t))
			e.Setenv("EMPTY", pg.Database(t))
			e.Setenv("CHUNKS", s3.Bucket(t))
			e.Setenv("CHUNKS2", s3.Bucket(t))
		})
	})
	var files []string
	if os.Getenv(allEnginesVar) != "" {
		all, err := filepath.Glob("testdata/script/*.txtar")
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range all {
			if overEngines(t, file) {
				files = append(files, file)
			}
		}
	} else if !testing.Short() {
		for _, name := range engineScripts {
			files = append(files, filepath.Join("testdata/script", name))
		}
	}
	if len(files) == 0 {
		return
	}
	t.Run("again", func(t *testing.T) {
		runScriptsIn(t, testscript.Params{Files: files}, filepath.Join(t.TempDir(), "coverage"), func(e *testscript.Env) {
			env(e)
			e.Setenv(enginesVar, pg.URL("DATABASE")+"\n"+bucket)
		})
	})
}

// TestMachines: processes in several folders, as on several machines, ask for the same effects at the same time under
// the same agent's key. Each effect happens once and has one answer, the quota is spent exactly, and all see one log.
func TestMachines(t *testing.T) {
	const keys = 3
	machines, rounds := 2, 1
	if os.Getenv(allEnginesVar) != "" {
		machines, rounds = 4, 10
	}
	pg, s3 := pgtest.Shared(t), s3test.Shared(t)
	t.Setenv(enginesVar, "")
	root, key := t.TempDir(), sign.FromSeed([32]byte{0x5a}, "ci")
	where := []string{"--store", pg.Database(t), "--chunks", s3.Bucket(t)}
	mustRun(t, root, append([]string{"init", "m0", "--accept-loss"}, where...)...)
	for i := 1; i < machines; i++ {
		mustRun(t, root, append([]string{"join", fmt.Sprintf("m%d", i)}, where...)...)
	}
	folder := func(i int) string { return filepath.Join(root, fmt.Sprintf("m%d", i)) }
	t.Setenv("MYTHOS_KEY", fmt.Sprintf("5a%062d", 0))
	for i := range machines {
		mustRun(t, folder(i), "trust", "add", key.Agent().KeyHex(), "--name", "ci", "--for", "*")
	}
	script := filepath.Join(root, "tool.sh")
	if err := os.WriteFile(script, []byte(`echo "$MYTHOS_IDEMPOTENCY_KEY" >>"$1"; echo "answer $$"`), 0o600); err != nil {
		t.Fatal(err)
	}
	ran := filepath.Join(root, "ran")
	mustRun(t, folder(0), "tool", "add", "once", "--unconfined", "--process", "sh", script, ran)
	mustRun(t, folder(0), "cap", "issue", "--scope", fmt.Sprintf("tool.call:once,calls=%d", keys*rounds))
	for round := range rounds {
		callAtOnce(t, machines, keys, func(machine, k int) *osexec.Cmd {
			return command(folder(machine), "call", "once", "--key", fmt.Sprintf("r%d-%d", round, k))
		})
	}
	text, err := os.ReadFile(ran)
	if lines := strings.Fields(string(text)); err != nil || len(lines) != keys*rounds {
		t.Errorf("%d effects happened, expected %d: %q, %v", len(lines), keys*rounds, lines, err)
	}
	if _, errOut, code := outcome(t, command(folder(machines-1), "call", "once", "--key", "more")); code != 4 {
		t.Errorf("more than the quota: exit code %d: %s", code, errOut)
	}
	var roots []string
	for i := range machines {
		mustRun(t, folder(i), "ledger", "verify")
		note := strings.Split(mustRun(t, folder(i), "ledger", "checkpoint"), "\n")
		roots = append(roots, strings.Join(note[1:3], " "))
	}
	if slices.Sort(roots); roots[0] != roots[len(roots)-1] {
		t.Errorf("they see several logs: %q", roots)
	}
}

// callAtOnce has two processes of each machine call each key at the same time: all get the same answer for a key.
func callAtOnce(t *testing.T, machines, keys int, call func(machine, k int) *osexec.Cmd) {
	t.Helper()
	answers := make([][]string, keys)
	var mu sync.Mutex
	var wg sync.WaitGroup
	for i := range 2 * machines * keys {
		k := i % keys
		cmd := call(i/keys%machines, k)
		wg.Go(func() {
			out, errOut, code := outcome(t, cmd)
			if code != 0 {
				t.Errorf("exit code %d: %s", code, errOut)
			}
			mu.Lock()
			defer mu.Unlock()
			answers[k] = append(answers[k], string(out))
		})
	}
	wg.Wait()
	for k, list := range answers {
		if slices.Sort(list); list[0] != list[len(list)-1] || list[0] == "" {
			t.Errorf("key %d has several answers: %q", k, list)
		}
	}
}
