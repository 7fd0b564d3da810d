package main

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// TestSignalsAreExitCodes: a call that Ctrl-C stops ends with 130, one that SIGTERM stops with 143, as in shells.
func TestSignalsAreExitCodes(t *testing.T) {
	t.Parallel()
	for name, of := range map[string]struct {
		signal syscall.Signal
		code   int
	}{"interrupted": {syscall.SIGINT, 130}, "terminated": {syscall.SIGTERM, 143}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			began := filepath.Join(dir, "began")
			must(t, dir, "init", "-q")
			must(t, dir, "tool", "add", "-q", "wait", "--unconfined", "--process", "sh", "-c", "touch "+began+"; exec sleep 60")
			must(t, dir, "cap", "issue", "-q", "--scope", "tool.call:wait")
			p := start(t, dir, "call", "wait", "--key", "k", "--json")
			waitFor(t, func() bool { _, err := os.Stat(began); return err == nil }, &p.err)
			if err := p.Process.Signal(of.signal); err != nil {
				t.Fatal(err)
			}
			if code := p.end(); code != of.code || !strings.Contains(p.err.String(), `"kind":"`+name+`"`) {
				t.Errorf("exit code %d, expected %d: %s", code, of.code, p.err.String())
			}
		})
	}
}
