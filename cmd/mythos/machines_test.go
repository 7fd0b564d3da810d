//go:build unix

package main

import (
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/mythos-project/mythos/object/sign"
)

// machines are one repository in PostgreSQL and a bucket, with several folders as on several machines that work under
// one key, and a tool that records its runs.
type machines struct {
	root string
	dirs []string
	all  []*onceCall

	cap   string
	calls int // that it allows
}

// newMachines makes a repository that may make so many calls of the tool, which run once ready exists.
func newMachines(t *testing.T, n, calls int, store, chunks string, flags ...string) *machines {
	t.Helper()
	t.Setenv(enginesVar, "")
	f := &machines{root: t.TempDir(), calls: calls}
	where := []string{"--store", store, "--chunks", chunks}
	key := sign.FromSeed([32]byte{0x5a}, "ci")
	for i := range n {
		dir := filepath.Join(f.root, fmt.Sprintf("m%d", i))
		f.dirs = append(f.dirs, dir)
		verb := append([]string{"init", dir}, flags...)
		if i > 0 {
			verb = []string{"join", dir}
		}
		mustRun(t, f.root, append(verb, where...)...)
	}
	t.Setenv("MYTHOS_KEY", fmt.Sprintf("5a%062d", 0))
	t.Setenv("MYTHOS_BUSY", "2m")
	for _, dir := range f.dirs {
		mustRun(t, dir, "trust", "add", key.Agent().KeyHex(), "--name", "ci", "--for", "*")
	}
	script := filepath.Join(f.root, "tool.sh")
	text := `echo "$MYTHOS_IDEMPOTENCY_KEY $MYTHOS_FENCE" >>"$1/ran"
until [ -e "$1/ready" ]; do sleep 0.05; done
echo "answer of attempt $MYTHOS_FENCE"
`
	if err := os.WriteFile(script, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	mustRun(t, f.dirs[0], "tool", "add", "note", "--retry-safe", "--unconfined", "--process", "sh", script, f.root)
	f.cap = issued(t, f.dirs[0], "cap", "issue", "-q", "--scope", fmt.Sprintf("tool.call:note,calls=%d", calls), "--ttl", "10h")
	return f
}

// ready lets the tool answer, or wait.
func (f *machines) ready(t *testing.T, yes bool) {
	t.Helper()
	file := filepath.Join(f.root, "ready")
	err := os.WriteFile(file, nil, 0o600)
	if !yes {
		err = os.Remove(file)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// ran returns the runs of the tool: key and attempt.
func (f *machines) ran(t *testing.T) []string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(f.root, "ran"))
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	return strings.FieldsFunc(string(text), func(r rune) bool { return r == '\n' })
}

// batch is a process that executes an effect for each key.
type batch struct {
	*started
	name  string // its name in the database
	keys  []string
	begin time.Time
	ended chan struct{}
	code  int // once it has ended
}

// batch starts a batch on a machine.
func (f *machines) batch(t *testing.T, machine int, name string, keys ...string) *batch {
	t.Helper()
	var lines strings.Builder
	for _, key := range keys {
		fmt.Fprintf(&lines, "{\"key\":%q,\"request\":\"\"}\n", key)
	}
	file := filepath.Join(f.root, name+".batch")
	if err := os.WriteFile(file, []byte(lines.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PGAPPNAME", name)
	defer os.Unsetenv("PGAPPNAME")
	b := &batch{name: name, keys: keys, begin: time.Now(), ended: make(chan struct{})}
	b.started = start(t, f.dirs[machine], "call", "note", "--batch", file, "--trace=false", "--json")
	go func() { b.code = b.end(); close(b.ended) }()
	return b
}

// answered waits until a batch has ended, and records the answers. For a key without an answer it is unknown whether
// the effect happened.
func (f *machines) answered(t *testing.T, b *batch) (code int) {
	t.Helper()
	<-b.ended
	until := time.Now()
	got := map[string]*onceCall{}
	for dec := json.NewDecoder(strings.NewReader(b.out.String())); ; {
		line := struct {
			Key, Receipt string
			Replayed     bool
			Status       int
		}{}
		if dec.Decode(&line) != nil {
			break
		}
		if line.Status == 200 {
			c := &onceCall{key: line.Key, begin: b.begin, end: until}
			c.line.Receipt, c.line.Replayed = line.Receipt, line.Replayed
			got[line.Key] = c
		}
	}
	for _, key := range b.keys {
		if got[key] == nil {
			got[key] = &onceCall{key: key, code: b.code, begin: b.begin, end: time.Unix(0, math.MaxInt64)}
		}
		f.all = append(f.all, got[key])
	}
	return b.code
}

// judge asks for each key once more, and checks what must hold after any failure: no attempt at a key runs twice, the
// answers are as if the calls had been made one after the other, what was acknowledged is stored, the quota is spent
// exactly, and all machines see one log.
func (f *machines) judge(t *testing.T) {
	t.Helper()
	var keys []string
	for _, c := range f.all {
		keys = append(keys, c.key)
	}
	slices.Sort(keys)
	keys = slices.Compact(keys)
	last := len(f.dirs) - 1
	b := f.batch(t, last, "again", keys...)
	if code := f.answered(t, b); code != 0 {
		t.Fatalf("once more: exit code %d: %s%s", code, b.out.String(), b.err.String())
	}
	oneAnswer(t, f.all)
	runs := f.ran(t)
	slices.Sort(runs)
	for i := 1; i < len(runs); i++ {
		if runs[i] == runs[i-1] {
			t.Errorf("an attempt that ran twice: %s", runs[i])
		}
	}
	log := mustRun(t, f.dirs[last], "ledger", "log", "--json")
	for _, c := range f.all {
		if c.line.Receipt != "" && !strings.Contains(log, `"receipt_id":"`+c.line.Receipt) {
			t.Errorf("%s was acknowledged, and is not in the log", c.key)
		}
	}
	if out := mustRun(t, f.dirs[0], "cap", "show", f.cap); !strings.Contains(out, fmt.Sprintf("Left: %d call", f.calls-len(keys))) {
		t.Errorf("%d keys of %d calls: %s", len(keys), f.calls, out)
	}
	var roots []string
	for _, dir := range f.dirs {
		if out := mustRun(t, dir, "ledger", "verify"); !strings.Contains(out, " 0 divergent, 0 pending") {
			t.Error(out)
		}
		note := strings.Split(mustRun(t, dir, "ledger", "checkpoint"), "\n")
		roots = append(roots, strings.Join(note[1:3], " "))
	}
	if slices.Sort(roots); roots[0] != roots[len(roots)-1] {
		t.Errorf("they see several logs: %q", roots)
	}
}

// numbered returns n keys.
func numbered(name string, n int) (keys []string) {
	for i := range n {
		keys = append(keys, fmt.Sprintf("%s-%d", name, i))
	}
	return keys
}
