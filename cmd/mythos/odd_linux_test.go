package main

import (
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

// TestOddFiles puts something other than a regular file in the place of each kind of file of a repository. Nothing
// waits for it, it is named, and what has happened under a key does not happen again.
func TestOddFiles(t *testing.T) {
	t.Parallel()
	whole, ran := t.TempDir(), filepath.Join(t.TempDir(), "ran")
	mustRun(t, whole, "init", "-q")
	mustRun(t, whole, "tool", "add", "-q", "note", "--unconfined", "--process", "/bin/sh", "-c", "echo ran >> "+ran)
	mustRun(t, whole, "cap", "issue", "-q", "--scope", "tool.call:note,calls=9")
	mustRun(t, whole, "call", "-q", "note", "--key", "release")
	writeFile(t, filepath.Join(whole, "large"), 1, 300_000)
	cid := issued(t, whole, "blob", "put", "-q", "large")
	chunks, err := filepath.Glob(filepath.Join(whole, ".mythos/chunks/??/*"))
	if err != nil || len(chunks) == 0 {
		t.Fatal(chunks, err)
	}
	chunk, _ := filepath.Rel(filepath.Join(whole, ".mythos"), chunks[0])
	call, get := []string{"call", "-q", "note", "--key", "release"}, []string{"blob", "get", cid}
	places := []struct {
		name string
		ask  []string
	}{
		{chunk, get}, {filepath.Dir(chunk), get}, {"chunks", get}, {"chunks/tmp", call}, {"db", call}, {"db/seal", call}, {"db/journal.0", call}, {"db/journal.1", call},
		{"db/MANIFEST", call}, {"db/KEYREGISTRY", call}, {"db/000001.vlog", call}, {"db/holder.lock", call}, {"database", call}, {"config.yaml", call},
		{"trust.yaml", call}, {"keys/self.key", call},
	}
	for i, place := range places {
		for j, odd := range oddities {
			if place.name == "chunks/tmp" && odd.name == "folder" {
				continue // as it should be
			}
			if os.Getenv("ATTACK_ROUNDS") != "" || (i+j)%3 == 0 || odd.name == "pipe" {
				tryOdd(t, whole, place.name, odd.name, odd.make, place.ask)
			}
		}
	}
	if text, err := os.ReadFile(ran); err != nil || strings.Count(string(text), "ran") != 1 {
		t.Fatalf("the effect happened again: %q %v", text, err)
	}
}

var oddities = []struct {
	name string
	make func(path string) error
}{
	{"pipe", func(path string) error { return syscall.Mkfifo(path, 0o600) }},
	{"folder", func(path string) error { return os.Mkdir(path, 0o700) }},
	{"socket", makeSocket},
	{"link to nothing", func(path string) error { return os.Symlink("nothing", path) }},
	{"link to itself", func(path string) error { return os.Symlink(filepath.Base(path), path) }},
	{"link to a device", func(path string) error { return os.Symlink("/dev/zero", path) }},
}

// makeSocket makes a socket that nobody listens at, by a short path: long ones are refused.
func makeSocket(path string) error {
	dir, err := os.Open(filepath.Dir(path))
	if err != nil {
		return err
	}
	defer dir.Close()
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: "/proc/self/fd/" + strconv.Itoa(int(dir.Fd())) + "/" + filepath.Base(path), Net: "unix"})
	if err != nil {
		return err
	}
	l.SetUnlinkOnClose(false)
	return l.Close()
}

func tryOdd(t *testing.T, whole, name, kind string, odd func(string) error, ask []string) {
	t.Helper()
	dir := t.TempDir()
	if err := os.CopyFS(dir, os.DirFS(whole)); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(filepath.Join(dir, ".mythos/keys/self.key"), 0o600); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, ".mythos", name)
	if err := os.RemoveAll(path); err != nil {
		t.Fatal(err)
	}
	if err := odd(path); err != nil {
		t.Fatal(err)
	}
	if code, out := answer(t, dir, nil, ask...); code != 5 {
		t.Errorf("%s in place of %s: %v: exit code %d: %s", kind, name, ask, code, out)
	}
	if err := os.RemoveAll(dir); err != nil {
		t.Error(err)
	}
}
