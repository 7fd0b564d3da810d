package main

import (
	"os"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/mythos-project/mythos/internal/cli"
)

func TestMain(m *testing.M) {
	testscript.Main(cleaning{m}, map[string]func(){"mythos": func() { os.Exit(cli.Main()) }})
}

// cleaning removes what tests share, after all of them.
type cleaning struct{ *testing.M }

// Run implements testscript.TestingM.
func (c cleaning) Run() int {
	defer func() { _ = os.RemoveAll(learned.dir) }()
	return c.M.Run()
}

// TestScripts runs every script in testdata/script, each in an empty folder.
func TestScripts(t *testing.T) {
	files, err := os.ReadDir("testdata/script")
	if err != nil || len(files) == 0 {
		t.Fatalf("no scripts: %v", err)
	}
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		RequireExplicitExec: true,
		Setup: func(env *testscript.Env) error {
			env.Setenv("HOME", env.WorkDir)
			env.Setenv("XDG_CACHE_HOME", env.WorkDir+"/.cache")
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){"code": code, "keep": keep, "learned": learnedCmd},
	})
}

// code runs a command that must end with the given exit code: code N CMD ARG...
func code(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: code N command...")
	}
	err := ts.Exec(args[1], args[2:]...)
	got := "0"
	if err != nil {
		got = exitCode(err)
	}
	if got != args[0] {
		ts.Fatalf("exit code %s, expected %s", got, args[0])
	}
}

// keep gives a variable the first line of the last standard output: keep NAME
func keep(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: keep NAME")
	}
	line, _, _ := strings.Cut(ts.ReadFile("stdout"), "\n")
	ts.Setenv(args[0], line)
}
