//go:build linux

package process_test

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	mexec "github.com/mythos-project/mythos/exec"
	"github.com/mythos-project/mythos/exec/process"
	"github.com/mythos-project/mythos/exec/runnertest"
)

func write(t *testing.T, path, text string) string {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o700); err != nil {
		t.Fatal(err)
	}
	return path
}

// pin adds a file to a registration.
func pin(t *testing.T, ref *mexec.ModuleRef, path string) {
	t.Helper()
	h, err := process.HashFile(path)
	if err != nil {
		t.Fatal(err)
	}
	ref.Files = append(ref.Files, mexec.PinnedFile{Path: path, Hash: h})
	if err := ref.Check(); err != nil {
		t.Fatal(err)
	}
}

// swaps are ways to replace a file's bytes, and to restore them.
var swaps = map[string]func(dir, path string, turn int) error{
	"rename": func(dir, path string, turn int) error {
		next := filepath.Join(dir, "next")
		if err := os.Link(filepath.Join(dir, [2]string{"good", "evil"}[turn%2]), next); err != nil {
			return err
		}
		return os.Rename(next, path)
	},
	"in place": func(dir, path string, turn int) error {
		data, err := os.ReadFile(filepath.Join(dir, [2]string{"good", "evil"}[turn%2]))
		if err != nil {
			return err
		}
		f, err := os.OpenFile(path, os.O_WRONLY, 0)
		if err != nil {
			return nil // it is being executed
		}
		_, err = f.Write(data)
		return errors.Join(err, f.Truncate(int64(len(data))), f.Close())
	},
	"folder": func(dir, path string, turn int) error {
		at := filepath.Dir(path)
		if turn%2 == 0 {
			return errors.Join(os.Rename(at, at+".evil"), os.Rename(at+".good", at))
		}
		return errors.Join(os.Rename(at, at+".good"), os.Rename(at+".evil", at))
	},
}

// An attacker who may write to a program's folder swaps the program back and forth: no success ever comes from the
// other bytes.
func TestSwapped(t *testing.T) {
	if testing.Short() {
		t.Skip("it swaps files for seconds; the whole run has it")
	}
	const sh = "/bin/sh"
	kinds := map[string]struct {
		good, evil func(path string) // make the two
		ref        func(path string) mexec.ModuleRef
	}{
		"program": {
			func(p string) { copyFile(t, "/bin/true", p) },
			func(p string) { copyFile(t, "/bin/echo", p) },
			func(p string) mexec.ModuleRef { return module(t, p, "evil") },
		},
		"script":             {text(t, "#!/bin/sh\necho good\n"), text(t, "#!/bin/sh\necho evil\n"), func(p string) mexec.ModuleRef { return module(t, p) }},
		"script that asks":   {text(t, "#!/bin/sh\n: $0; echo good\n"), text(t, "#!/bin/sh\n: $0; echo evil\n"), func(p string) mexec.ModuleRef { return module(t, p) }},
		"argument of sh":     {text(t, "echo good\n"), text(t, "echo evil\n"), func(p string) mexec.ModuleRef { m := module(t, sh, p); pin(t, &m, p); return m }},
		"argument of python": {text(t, "print('good')\n"), text(t, "print('evil')\n"), func(p string) mexec.ModuleRef { m := module(t, python(t), p); pin(t, &m, p); return m }},
	}
	for kind, k := range kinds {
		for how, swap := range swaps {
			t.Run(kind+" "+how, func(t *testing.T) {
				t.Parallel()
				dir := t.TempDir()
				k.good(filepath.Join(dir, "good"))
				k.evil(filepath.Join(dir, "evil"))
				path := filepath.Join(dir, "at", "tool")
				for folder, from := range map[string]string{"at": "good", "at.evil": "evil"} {
					if err := os.Mkdir(filepath.Join(dir, folder), 0o700); err != nil {
						t.Fatal(err)
					}
					copyFile(t, filepath.Join(dir, from), filepath.Join(dir, folder, "tool"))
				}
				unharmed(t, k.ref(path), func(turn int) error { return swap(dir, path, turn) })
			})
		}
	}
}

// unharmed calls a tool while swap runs. The evil version says so.
func unharmed(t *testing.T, ref mexec.ModuleRef, swap func(turn int) error) {
	stop := make(chan struct{})
	var swapper sync.WaitGroup
	swapper.Go(func() {
		for turn := 1; ; turn++ {
			select {
			case <-stop:
				return
			default:
			}
			if err := swap(turn); err != nil {
				t.Error(err)
				return
			}
		}
	})
	runner := &process.Runner{Dir: t.TempDir()}
	for range 60 {
		res, err := runner.Run(t.Context(), runnertest.Call(ref, nil))
		if err == nil && strings.Contains(string(res.Body), "evil") {
			t.Errorf("status %d of the other bytes: %q", res.Status, res.Body)
		}
		if err != nil && !errors.Is(err, mexec.ErrPinned) && !errors.Is(err, mexec.ErrNotStarted) {
			t.Errorf("%v", err)
		}
	}
	close(stop)
	swapper.Wait()
}

func text(t *testing.T, content string) func(string) {
	return func(path string) { write(t, path, content) }
}

func copyFile(t *testing.T, from, to string) {
	t.Helper()
	data, err := os.ReadFile(from)
	if err != nil {
		t.Fatal(err)
	}
	write(t, to, string(data))
}

func python(t *testing.T) string {
	t.Helper()
	for _, name := range []string{"/usr/bin/python3", "/usr/local/bin/python3"} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	t.Skip("no python here")
	return ""
}

// A changed file is refused by name, whichever of the pinned files it is.
func TestPinnedFiles(t *testing.T) {
	dir := t.TempDir()
	lib := write(t, filepath.Join(dir, "interpreter"), "")
	copyFile(t, "/bin/sh", lib)
	script := write(t, filepath.Join(dir, "s"), "#!"+lib+" -e\necho $# \"$1\"\n")
	data := write(t, filepath.Join(dir, "data"), "data")
	ref := module(t, script, data)
	pin(t, &ref, data)
	pin(t, &ref, lib)
	ref.Interpreter = []string{lib, "-e"}
	runner := &process.Runner{Dir: t.TempDir()}
	res, err := runner.Run(t.Context(), runnertest.Call(ref, nil))
	if err != nil || string(res.Body) != "1 "+data+"\n" {
		t.Fatalf("%q, %q, %v", res.Body, res.Notes, err)
	}
	for _, path := range []string{lib, script, data} {
		was, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		write(t, path, string(was)+" ")
		_, err = runner.Run(t.Context(), runnertest.Call(ref, nil))
		var changed *mexec.PinnedError
		if !errors.As(err, &changed) || changed.Path != path || !errors.Is(err, mexec.ErrNotStarted) {
			t.Errorf("%s changed: %v", path, err)
		}
		write(t, path, string(was))
	}
}

// A tool that does not start says why, and that it did not start.
func TestNotStarted(t *testing.T) {
	dir := t.TempDir()
	gone, closed := write(t, filepath.Join(dir, "gone"), "#!/bin/sh\n"), write(t, filepath.Join(dir, "closed"), "#!/bin/sh\n")
	cases := map[string]mexec.ModuleRef{
		"no such file":      module(t, gone),
		"/no/such/program":  module(t, write(t, filepath.Join(dir, "a"), "#!/no/such/program\n")),
		"CR LF":             module(t, write(t, filepath.Join(dir, "b"), "#!/bin/sh\r\necho\r\n")),
		"exec format error": module(t, write(t, filepath.Join(dir, "c"), "echo hello\n")),
		"permission denied": module(t, closed),
		"absolute path":     module(t, write(t, filepath.Join(dir, "d"), "#!sh\n")),
		"nosuchprogram":     module(t, write(t, filepath.Join(dir, "e"), "#!/usr/bin/env nosuchprogram\n")),
		"the folder to run": func() mexec.ModuleRef { m := module(t, "/bin/cat"); m.Dir = "/no/such/folder"; return m }(),
	}
	if err := errors.Join(os.Remove(gone), os.Chmod(closed, 0o600)); err != nil {
		t.Fatal(err)
	}
	runner := &process.Runner{Dir: t.TempDir()}
	for want, ref := range cases {
		call := runnertest.Call(ref, nil)
		if err := runner.Prepare(t.Context(), call); err != nil {
			t.Errorf("%s: refused: %v", want, err)
		}
		if _, err := runner.Run(t.Context(), call); !errors.Is(err, mexec.ErrNotStarted) || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", want, err)
		}
	}
}
