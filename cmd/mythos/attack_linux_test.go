package main

import (
	"bytes"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// TestDamagedRepository damages each file of a repository in several ways, at different places each time, and then uses
// it. Damage is reported, or nothing is missing; nothing panics; and what has happened under a key does not happen
// again. ATTACK_ROUNDS is how often each kind of damage is tried; by default only a sixth of them is.
func TestDamagedRepository(t *testing.T) {
	t.Parallel()
	rounds, err := strconv.Atoi(os.Getenv("ATTACK_ROUNDS"))
	short := err != nil
	if short {
		rounds = 1
	}
	whole, ran := t.TempDir(), filepath.Join(t.TempDir(), "ran")
	mustRun(t, whole, "init", "-q")
	mustRun(t, whole, "tool", "add", "-q", "note", "--unconfined", "--process", "/bin/sh", "-c", "echo ran >> "+ran)
	mustRun(t, whole, "cap", "issue", "-q", "--scope", "tool.call:note,calls=1")
	mustRun(t, whole, "call", "-q", "note", "--key", "release")
	writeFile(t, filepath.Join(whole, "large"), 1, 300_000)
	writeFile(t, filepath.Join(whole, "small"), 2, 3_000)
	mustRun(t, whole, "blob", "put", "-q", "large", "small")
	mustRun(t, whole, "ref", "set", "kept", issued(t, whole, "blob", "put", "-q", "small"))
	w := &world{t, ran, blobsOf(t, whole)}
	var files []string
	err = filepath.WalkDir(filepath.Join(whole, ".mythos"), func(path string, e fs.DirEntry, err error) error {
		if err == nil && e.Type().IsRegular() && filepath.Ext(path) != ".lock" {
			rel, _ := filepath.Rel(whole, path)
			files = append(files, rel)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	rng := rand.New(rand.NewPCG(5, 6))
	for i := range rounds * len(files) * len(wounds) {
		if short && i%6 != 0 {
			continue
		}
		name, wound := files[i%len(files)], wounds[i/len(files)%len(wounds)]
		w.try(whole, name, wound, rng)
	}
}

// wounds are ways to damage a file; nil removes it.
var wounds = []struct {
	name string
	do   func(data []byte, rng *rand.Rand) []byte
}{
	{"remove", nil},
	{"empty", func([]byte, *rand.Rand) []byte { return []byte{} }},
	{"cut", func(data []byte, rng *rand.Rand) []byte { return data[:rng.IntN(len(data)+1)] }},
	{"prolong", func(data []byte, rng *rand.Rand) []byte {
		return append(data, bytes.Repeat([]byte{0xff}, 1+rng.IntN(40))...)
	}},
	{"flip", func(data []byte, rng *rand.Rand) []byte {
		if end := len(bytes.TrimRight(data, "\x00")); end > 0 {
			data[rng.IntN(end)] ^= 1 << rng.IntN(8)
		}
		return data
	}},
	{"zero", func(data []byte, rng *rand.Rand) []byte {
		from := rng.IntN(len(bytes.TrimRight(data, "\x00")) + 1)
		clear(data[from:min(from+512, len(data))])
		return data
	}},
}

// world is the content of an undamaged repository.
type world struct {
	t     *testing.T
	ran   string
	blobs map[string]string // contents by cid
}

func blobsOf(t *testing.T, dir string) map[string]string {
	blobs := map[string]string{}
	for _, line := range strings.Split(strings.TrimSpace(mustRun(t, dir, "blob", "ls", "-q", "--json")), "\n") {
		cid := line[strings.Index(line, `"cid":"`)+7:][:64]
		blobs[cid] = mustRun(t, dir, "blob", "get", cid)
	}
	return blobs
}

func (w *world) try(whole, name string, wound struct {
	name string
	do   func([]byte, *rand.Rand) []byte
}, rng *rand.Rand) {
	w.t.Helper()
	dir := w.t.TempDir()
	defer os.RemoveAll(dir) //nolint:errcheck // the test's folder goes anyway
	if err := os.CopyFS(dir, os.DirFS(whole)); err != nil {
		w.t.Fatal(err)
	}
	path, what := filepath.Join(dir, name), wound.name+" "+name
	err := os.Chmod(path, 0o600)
	if wound.do == nil {
		err = os.Remove(path)
	} else if data, rerr := os.ReadFile(path); rerr == nil && err == nil {
		err = os.WriteFile(path, wound.do(data, rng), 0o600)
	}
	if err != nil {
		w.t.Fatal(err)
	}
	code, out := w.run(dir, what, "fsck")
	w.run(dir, what, "status")
	w.run(dir, what, "call", "-q", "note", "--key", "release")
	w.run(dir, what, "gc", "--now")
	if text, err := os.ReadFile(w.ran); err != nil || strings.Count(string(text), "ran") != 1 {
		w.t.Fatalf("%s: the effect happened again: %q %v", what, text, err)
	}
	if code != 0 {
		return
	}
	for cid, want := range w.blobs {
		if code, got := w.run(dir, what, "blob", "get", cid); code != 0 || got != want {
			w.t.Errorf("%s: fsck found nothing (%s), and blob %.12s cannot be read: exit code %d", what, out, cid, code)
		}
	}
	if _, list := w.run(dir, what, "blob", "ls", "-q", "--json"); strings.Count(list, "\n") != len(w.blobs) {
		w.t.Errorf("%s: fsck found nothing, and blobs are missing: %s", what, list)
	}
	if code, list := w.run(dir, what, "receipt", "ls"); code != 0 || strings.Count(list, "\n") < 1 {
		w.t.Errorf("%s: fsck found nothing, and receipts are missing: %s", what, list)
	}
}

// run runs a command, which must not panic.
func (w *world) run(dir, what string, args ...string) (int, string) {
	w.t.Helper()
	code, out := answer(w.t, dir, nil, args...)
	if strings.Contains(out, "goroutine ") || strings.Contains(out, "internal error") || code < 0 {
		w.t.Errorf("%s: %s: exit code %d: %.600s", what, fmt.Sprint(args), code, out)
	}
	return code, out
}
