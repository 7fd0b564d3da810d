//go:build linux

package process_test

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/mythos-project/mythos/exec"
	"github.com/mythos-project/mythos/exec/process"
	"github.com/mythos-project/mythos/exec/runnertest"
)

// An unconfined tool runs in its caller's folder. A tool that runs for a peer gets neither the caller's folder nor the
// caller's variables.
func TestPlace(t *testing.T) {
	here := t.TempDir()
	t.Chdir(here)
	lookup := func(name string) (string, bool) { return "value of " + name, true }
	ref := module(t, "/bin/sh", "-c", `echo "$PWD|$HOME|$NAMED"`)
	ref.Dir, ref.Caller, ref.Env = ".", []string{"HOME"}, []string{"NAMED"}
	elsewhere := ref
	elsewhere.Dir = filepath.Join(here, "sub")
	if err := os.Mkdir(elsewhere.Dir, 0o700); err != nil {
		t.Fatal(err)
	}
	fresh := t.TempDir()
	for name, c := range map[string]struct {
		peers bool
		ref   exec.ModuleRef
		want  string // a pattern of filepath.Match
	}{
		"caller":            {false, ref, here + "|value of HOME|value of NAMED\n"},
		"peer":              {true, ref, fresh + "/mythos-tool-*||value of NAMED\n"},
		"named folder":      {false, elsewhere, elsewhere.Dir + "|value of HOME|value of NAMED\n"},
		"named folder peer": {true, elsewhere, elsewhere.Dir + "||value of NAMED\n"},
	} {
		r := &process.Runner{Dir: fresh, Lookup: lookup, Peers: c.peers}
		res, err := r.Run(t.Context(), runnertest.Call(c.ref, nil))
		if err != nil {
			t.Fatal(err)
		}
		if ok, err := filepath.Match(c.want, string(res.Body)); err != nil || !ok {
			t.Errorf("%s: %q, want %q", name, res.Body, c.want)
		}
	}
}

// A confined tool has a home of its own.
func TestConfinedHome(t *testing.T) {
	if err := process.Confinable(); err != nil {
		t.Skip(err)
	}
	ref := module(t, "/bin/sh", "-c", `cd "$HOME" && echo x >here && echo "$TMPDIR" && [ "$PWD" = "$TMPDIR" ] && command -v cat`)
	ref.Confinement, ref.Read = exec.ConfineLandlock, []string{"/bin", "/usr", "/lib", "/lib64"}
	res, err := (&process.Runner{Dir: t.TempDir()}).Run(t.Context(), runnertest.Call(ref, nil))
	if err != nil || res.Status != exec.StatusOK || !strings.Contains(string(res.Body), "mythos-tool-") {
		t.Errorf("status %d, %q, %q, %v", res.Status, res.Body, res.Notes, err)
	}
}

// said is a writer that reports when it was written to.
type said struct {
	text bytes.Buffer
	once chan struct{}
}

func (s *said) Write(p []byte) (int, error) {
	if s.text.Len() == 0 {
		close(s.once)
	}
	return s.text.Write(p)
}

// A listener gets the output as it comes. If a caller gives up, the tool gets a signal and may still write something.
func TestInterrupted(t *testing.T) {
	ref := module(t, "/bin/sh", "-c", `trap 'echo told >&2; exit 3' INT; echo ready; while :; do sleep 0.02; done`)
	ref.Caller = []string{"PATH"}
	call := runnertest.Call(ref, nil)
	out, stderr := &said{once: make(chan struct{})}, &said{once: make(chan struct{})}
	call.Stdout, call.Stderr = out, stderr
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	go func() { <-out.once; cancel() }()
	begun := time.Now()
	if res, err := (&process.Runner{Dir: t.TempDir()}).Run(ctx, call); err == nil {
		t.Errorf("no error: status %d", res.Status)
	}
	if out.text.String() != "ready\n" || stderr.text.String() != "told\n" {
		t.Errorf("%q, %q after %v", out.text.String(), stderr.text.String(), time.Since(begun))
	}
}
