//go:build linux

package process_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/mythos-project/mythos/exec"
	"github.com/mythos-project/mythos/exec/process"
	"github.com/mythos-project/mythos/internal/trees"
	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/object/tree"
	"github.com/mythos-project/mythos/store"
	"github.com/mythos-project/mythos/store/memory"
)

// folderTool is a shell script that takes a tree and gives one.
func folderTool(t *testing.T, script, confinement string) exec.Call {
	t.Helper()
	shell, err := filepath.EvalSymlinks("/bin/sh")
	if err != nil {
		t.Fatal(err)
	}
	h, err := process.HashFile(shell)
	if err != nil {
		t.Fatal(err)
	}
	m := exec.ModuleRef{Kind: exec.KindProcess, ModuleHash: &h, Argv: []string{shell, "-c", script}, Confinement: confinement, TakesTree: true, GivesTree: true}
	if confinement == exec.ConfineLandlock {
		m.Read = []string{"/bin", "/lib", "/lib64", "/usr", "/etc/ld.so.cache"}
	} else {
		m.Caller = process.CallerEnv
	}
	return exec.Call{Name: "t", Module: m, Limits: exec.DefaultLimits()}
}

// TestFolders: a program finds its tree and, if confined, cannot change it; its output becomes a tree; no folders
// remain.
func TestFolders(t *testing.T) {
	for _, confinement := range []string{exec.ConfineNone, exec.ConfineLandlock} {
		if confinement == exec.ConfineLandlock && process.Confinable() != nil {
			continue
		}
		kept := trees.Folders{Store: store.New(memory.New(), memory.New())}
		src, tmp := t.TempDir(), t.TempDir()
		if err := errors.Join(os.Mkdir(filepath.Join(src, "sub"), 0o755), os.WriteFile(filepath.Join(src, "sub", "a"), []byte("one"), 0o644),
			os.Symlink("/etc/passwd", filepath.Join(src, "link"))); err != nil {
			t.Fatal(err)
		}
		in, err := kept.Pack(t.Context(), src)
		if err != nil {
			t.Fatal(err)
		}
		r := &process.Runner{Dir: tmp, Trees: kept}
		for _, c := range []struct {
			script, note string
			status       uint16
			want         string // expected content of the file "made"
		}{
			{`cat "$MYTHOS_IN/sub/a" > "$MYTHOS_OUT/made"; ls -l "$MYTHOS_IN/link" >&2`, "/etc/passwd", 200, "one"},
			{`echo this is not a response; printf two > "$MYTHOS_OUT/made"`, "this is not a response", 200, "two"},
			{`mkfifo "$MYTHOS_OUT/pipe"`, "$MYTHOS_OUT/pipe: neither a file nor a folder", 500, ""},
			{`touch "$MYTHOS_OUT/x"; exit 3`, "", 500, ""},
			{`(sleep 60; echo late > "$MYTHOS_OUT/made") & printf three > "$MYTHOS_OUT/made"`, "", 200, "three"},
		} {
			call := folderTool(t, c.script, confinement)
			call.Request = tree.Line(in)
			res, err := r.Run(t.Context(), call)
			if err != nil || res.Status != c.status || !strings.Contains(res.Notes, c.note) {
				t.Errorf("%s, %s: status %d, notes %q, %v", confinement, c.script, res.Status, res.Notes, err)
				continue
			}
			if c.status != 200 {
				if len(res.Evidence) != 1 || res.Evidence[0] != in {
					t.Errorf("%s: evidence %v", c.script, res.Evidence)
				}
				continue
			}
			id, err := object.ParseHash(strings.TrimSuffix(string(res.Body), "\n"))
			if err != nil || len(res.Evidence) != 2 || res.Evidence[1] != id {
				t.Fatalf("response %q, evidence %v", res.Body, res.Evidence)
			}
			got := t.TempDir()
			if err := kept.Unpack(t.Context(), id, got); err != nil {
				t.Fatal(err)
			}
			if data, err := os.ReadFile(filepath.Join(got, "made")); string(data) != c.want {
				t.Errorf("%s: %q, %v", c.script, data, err)
			}
		}
		change := folderTool(t, `echo changed > "$MYTHOS_IN/sub/a"; echo new > "$MYTHOS_IN/sub/b"; rm -rf "$MYTHOS_IN/sub"; cp -r "$MYTHOS_IN" "$MYTHOS_OUT/seen"`, confinement)
		change.Request = tree.Line(in)
		if res, err := r.Run(t.Context(), change); err != nil || len(res.Evidence) != 2 {
			t.Fatal(res, err)
		} else if confinement == exec.ConfineLandlock {
			got := t.TempDir()
			if err := kept.Unpack(t.Context(), res.Evidence[1], got); err != nil {
				t.Fatal(err)
			}
			if data, err := os.ReadFile(filepath.Join(got, "seen", "sub", "a")); string(data) != "one" {
				t.Errorf("a confined program changed its input: %q, %v", data, err)
			}
		}
		if again, err := kept.Pack(t.Context(), src); err != nil || again != in {
			t.Errorf("the tree is another one now: %v", err)
		}
		if left, err := os.ReadDir(tmp); err != nil || len(left) > 0 {
			t.Errorf("%v is left of the calls, %v", left, err)
		}
	}
}

// TestFoldersRefused: a request that does not name a tree is refused; with a missing tree the program did not start.
func TestFoldersRefused(t *testing.T) {
	kept := trees.Folders{Store: store.New(memory.New(), memory.New())}
	r := &process.Runner{Dir: t.TempDir(), Trees: kept}
	id := object.SumText("no tree").String()
	for _, request := range []string{"", "x", id, id + "\r\n", id + "\n\n", strings.ToUpper(id) + "\n", " " + id + "\n"} {
		call := folderTool(t, "exit 0", exec.ConfineNone)
		call.Request = []byte(request)
		if err := r.Prepare(t.Context(), call); !errors.Is(err, exec.ErrRequest) {
			t.Errorf("%q: %v", request, err)
		}
	}
	call := folderTool(t, "exit 0", exec.ConfineNone)
	call.Request = []byte(id + "\n")
	if _, err := r.Run(context.Background(), call); !errors.Is(err, exec.ErrNotStarted) {
		t.Errorf("a tree that is not here: %v", err)
	}
	if _, err := (&process.Runner{}).Run(t.Context(), call); !errors.Is(err, exec.ErrNotStarted) {
		t.Errorf("without a store: %v", err)
	}
}
