//go:build unix

package main

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// begun starts `mythos once k -- sh -c SCRIPT` and waits until the script has made the file
// "began".
func begun(t *testing.T, dir, script string) *started {
	t.Helper()
	file := filepath.Join(dir, "began")
	_ = os.Remove(file)
	s := start(t, dir, "once", "k", "--", "sh", "-c", script)
	waitFor(t, func() bool { _, err := os.Stat(file); return err == nil }, &s.err)
	return s
}

// TestOnceDeath: if the process that runs a command is killed, it is unknown whether the command did its work: it is
// not run again, unless somebody says that it may be.
func TestOnceDeath(t *testing.T) {
	dir := repository(t)
	script := "echo begun; echo run >>runs; : >began; [ -e go ] || exec sleep 300"
	s := begun(t, dir, script)
	if err := s.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	s.end()
	call := []string{"once", "k", "--", "sh", "-c", script}
	if out, errOut, code := outcome(t, command(dir, call...)); code != 4 || out != "" || !strings.Contains(errOut, "mythos ledger resolve k --tool mythos.once") {
		t.Errorf("exit code %d, %q: %s", code, out, errOut)
	}
	if _, errOut, code := outcome(t, command(dir, "once", "k", "--exit-status", "--", "sh", "-c", script)); code != 125 {
		t.Errorf("exit code %d: %s", code, errOut)
	}
	if err := os.WriteFile(filepath.Join(dir, "go"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, flags := range [][]string{{"--retry-safe"}, {}} {
		args := append(append([]string{"once", "k"}, flags...), call[2:]...)
		if out, errOut, code := outcome(t, command(dir, args...)); code != 0 || out != "begun\n" {
			t.Errorf("%v: exit code %d, %q: %s", flags, code, out, errOut)
		}
	}
	if runs, err := os.ReadFile(filepath.Join(dir, "runs")); err != nil || string(runs) != "run\nrun\n" {
		t.Errorf("%q, %v", runs, err)
	}
}

// TestOnceInterrupt: the first interrupt goes to the command. If it ends with an exit status of its own, that is the
// outcome; if the signal kills it, what it did is unknown.
func TestOnceInterrupt(t *testing.T) {
	for name, of := range map[string]struct {
		script string
		next   int // exit code of the next call
	}{
		"tidies up": {`trap 'echo tidied; exit 5' INT; : >began; while :; do sleep 0.02; done`, 8},
		"dies":      {`: >began; exec sleep 300`, 4},
	} {
		t.Run(name, func(t *testing.T) {
			dir := repository(t)
			s := begun(t, dir, of.script)
			if err := s.Process.Signal(syscall.SIGINT); err != nil {
				t.Fatal(err)
			}
			if code := s.end(); code != 130 {
				t.Errorf("exit code %d: %s", code, s.err.String())
			}
			out := mustRun(t, dir, "ledger", "show", "k")
			if committed := strings.Contains(out, "state  committed"); committed != (of.next == 8) {
				t.Error(out)
			}
			if of.next == 8 && !strings.Contains(s.out.String(), "tidied") {
				t.Errorf("%q", s.out.String())
			}
			if of.next == 4 {
				if _, errOut, code := outcome(t, command(dir, "once", "k", "--", "sh", "-c", of.script)); code != 4 {
					t.Errorf("exit code %d: %s", code, errOut)
				}
			}
		})
	}
}
