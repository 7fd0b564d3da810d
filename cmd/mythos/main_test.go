package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
	osexec "os/exec"
	"os/signal"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/mythos-project/mythos/internal/pgtest"
	"github.com/mythos-project/mythos/internal/s3test"
	"github.com/mythos-project/mythos/internal/supervise"
	"github.com/mythos-project/mythos/object"
)

func TestMain(m *testing.M) {
	testscript.Main(cleaning{m}, map[string]func(){
		"mythos": func() {
			if version, err := strconv.ParseUint(os.Getenv(landlockVar), 10, 8); err == nil {
				supervise.Pretend(uint8(version))
			}
			os.Args = toEngines(os.Args)
			os.Exit(checkedMain())
		},
		"mcpserver": func() { os.Exit(serveCounting(os.Args[1])) },
	})
}

// pattern is a regular expression that is compiled when it is first used: scripts start this program thousands of times.
func pattern(text string) func() *regexp.Regexp {
	return sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(text) })
}

// landlockVar limits the version of Landlock that a process of these tests uses.
const landlockVar = "MYTHOS_TEST_LANDLOCK"

// clockVar shifts the clock of a process of these tests from the machine's.
const clockVar = "MYTHOS_TEST_CLOCK"

// testClock returns the clock that clockVar asks for; nil: the machine's.
func testClock() func() object.Time {
	apart, err := time.ParseDuration(os.Getenv(clockVar))
	if err != nil {
		return nil
	}
	return func() object.Time { return object.TimeOf(time.Now().Add(apart)) }
}

// gogc is for the thousands of short commands that the tests start: what these allocate at their start is no garbage.
const gogc = "400"

// cleaning gives the tests a separate home, and removes everything that they share at the end.
type cleaning struct{ *testing.M }

// Run implements testscript.TestingM.
func (c cleaning) Run() int {
	if signal.Ignored(os.Interrupt) { // as in a background job: what tests start would also ignore it
		signal.Notify(make(chan os.Signal, 1), os.Interrupt)
	}
	home, err := ownHome()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer func() { _ = errors.Join(os.RemoveAll(learnedDir), os.RemoveAll(home)) }()
	stop, err := startEngines()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer stop() //nolint:errcheck // there is nobody to tell
	defer s3test.StopShared()
	defer pgtest.StopShared()
	return c.M.Run()
}

// ownHome makes a folder the home of this process and of those that it starts. The go command keeps its caches.
func ownHome() (string, error) {
	for _, name := range []string{"GOENV", "GOCACHE", "GOPATH", "GOMODCACHE"} {
		if value, err := osexec.Command("go", "env", name).Output(); err == nil {
			os.Setenv(name, strings.TrimSpace(string(value)))
		}
	}
	home, err := os.MkdirTemp("", "mythos-home-")
	os.Setenv("HOME", home)
	os.Setenv("XDG_CACHE_HOME", filepath.Join(home, ".cache"))
	os.Unsetenv("XDG_CONFIG_HOME")
	os.Setenv("GOGC", gogc)
	return home, err
}

// TestScripts runs every script in testdata/script, each in an empty folder.
func TestScripts(t *testing.T) {
	files, err := os.ReadDir("testdata/script")
	if err != nil || len(files) == 0 {
		t.Fatalf("no scripts: %v", err)
	}
	coverage := filepath.Join(t.TempDir(), "coverage")
	t.Run("all", func(t *testing.T) { runScripts(t, coverage) })
	if run := flag.Lookup("test.run"); t.Failed() || testing.Short() || (run != nil && run.Value.String() != "") {
		return
	}
	missing, err := uncovered(coverage)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range missing {
		t.Errorf("no script runs `%s --json`, so that nothing checks its schema", name)
	}
}

func runScripts(t *testing.T, coverage string) {
	runScriptsIn(t, testscript.Params{Dir: "testdata/script"}, coverage, func(*testscript.Env) {})
}

// runScriptsIn runs the scripts that p names, each in an empty folder with what setup adds.
func runScriptsIn(t *testing.T, p testscript.Params, coverage string, setup func(*testscript.Env)) {
	endpoint := newEndpoint(t)
	p.RequireExplicitExec = true
	p.Setup = func(env *testscript.Env) error {
		env.Setenv(schemasVar, schemaDir(t))
		env.Setenv(coverVar, coverage)
		env.Setenv("ENDPOINT", endpoint)
		env.Setenv("HOME", env.WorkDir)
		env.Setenv("XDG_CACHE_HOME", env.WorkDir+"/.cache")
		env.Setenv("GOGC", gogc)
		setup(env)
		return nil
	}
	p.Cmds = map[string]func(*testscript.TestScript, bool, []string){"code": code, "keep": keep, "learned": learnedCmd, "damage": damage, "cutoff": cutoff, "nowhere": nowhere, "unhex": unhex, "issuer": issuer, "token": token}
	testscript.Run(t, p)
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

// keep sets a variable to the first line of the last standard output, or to its N-th tab-separated cell, or to the
// group of a regular expression: keep NAME [N|RE]
func keep(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 1 || len(args) > 2 {
		ts.Fatalf("usage: keep NAME [N|RE]")
	}
	line, _, _ := strings.Cut(ts.ReadFile("stdout"), "\n")
	if len(args) == 2 && strings.Contains(args[1], "(") {
		found := regexp.MustCompile(args[1]).FindStringSubmatch(line)
		if len(found) != 2 {
			ts.Fatalf("%s in %q", args[1], line)
		}
		line = found[1]
	} else if len(args) == 2 {
		cells := strings.Split(line, "\t")
		n, err := strconv.Atoi(args[1])
		if err != nil || n < 1 || n > len(cells) {
			ts.Fatalf("cell %s of %q", args[1], line)
		}
		line = cells[n-1]
	}
	ts.Setenv(args[0], line)
}
