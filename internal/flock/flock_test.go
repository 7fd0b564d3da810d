package flock

import (
	"os"
	"path/filepath"
	"testing"
)

// Locks belong to open files: two open files of one name exclude each other, two shared locks do not, and closing a
// file releases its lock.
func TestLocks(t *testing.T) {
	name := filepath.Join(t.TempDir(), "lock")
	open := func() *os.File {
		f, err := os.OpenFile(name, os.O_CREATE|os.O_RDWR, 0o600)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { f.Close() })
		return f
	}
	check := func(f *os.File, want bool, when string) {
		t.Helper()
		if got, err := TryExclusive(f); got != want || err != nil {
			t.Errorf("%s: %v %v, want %v", when, got, err, want)
		}
	}
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	a, b, c := open(), open(), open()
	must(Exclusive(a))
	check(b, false, "held exclusively")
	must(Unlock(a))
	check(b, true, "after Unlock")
	must(Unlock(b))
	must(Shared(a))
	must(Shared(b))
	check(c, false, "shared by two")
	must(Unlock(a))
	check(c, false, "shared by one")
	must(b.Close())
	check(c, true, "after Close")
	if _, err := TryExclusive(b); err == nil {
		t.Error("a closed file was locked")
	}
}
