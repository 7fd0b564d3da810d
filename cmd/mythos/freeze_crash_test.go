package main

import (
	"encoding/json"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// decisions returns the receipts of what came into force of freezes and thaws, the newest first.
func decisions(t *testing.T, dir string) (tools []string) {
	t.Helper()
	for lines := json.NewDecoder(strings.NewReader(mustRun(t, dir, "log", "--json"))); lines.More(); {
		var e struct {
			Kind, Tool string
			Status     int
		}
		if err := lines.Decode(&e); err != nil {
			t.Fatal(err)
		}
		if e.Status == 200 && (e.Tool == "mythos.freeze" || e.Tool == "mythos.thaw") {
			tools = append(tools, e.Tool)
		}
	}
	return tools
}

// TestKilledFreeze kills a freeze and a thaw right before each of their writes, until it is in force: until then nothing has changed,
// and from then on there is its receipt. The same command does what was not done. So does another one of its kind: then
// the attempt that was killed is known to have done nothing.
func TestKilledFreeze(t *testing.T) {
	t.Parallel()
	dir := repository(t)
	noting(t, dir)
	d := serveDying(t, dir)
	frozen := func() bool {
		t.Helper()
		return strings.Contains(mustRun(t, dir, "status"), "everything is frozen since ")
	}
	want := func(what string, is bool, tools []string) {
		t.Helper()
		if now := decisions(t, dir); frozen() != is || !slices.Equal(now, tools) {
			t.Fatalf("%s: frozen is %v, receipts %v; expected %v, %v", what, !is, now, is, tools)
		}
		_, errOut, code := outcome(t, command(dir, "call", "note", "--in", "in"))
		if is != (code == 4) || !is && code != 0 || is && !strings.Contains(errOut, "everything is frozen since ") {
			t.Fatalf("%s: frozen is %v, a call ended with %d: %s", what, is, code, errOut)
		}
	}
	var tools []string
	// kill kills a command right before its next write, and its next, until enough says so.
	kill := func(way string, enough func(begun bool) bool, args ...string) {
		t.Helper()
		for n := 1; ; n++ {
			s := d.start(n, append([]string{way}, args...)...)
			code := s.end()
			if d.live(); code != 0 && code != -1 {
				t.Fatalf("%s, write %d: exit code %d: %s", way, n, code, s.err.String())
			}
			begun := strings.Contains(mustRun(t, dir, "status"), "mythos."+way+" with key ")
			if enough(begun) {
				return
			}
			if code == 0 {
				t.Fatalf("%s: it was never killed at the right moment: %d writes", way, n)
			}
			if begun {
				want(way+" was killed", way == "thaw", tools)
			}
		}
	}
	for _, way := range [][]string{{"freeze", "--reason", "incident 12"}, {"thaw"}} {
		met := false
		kill(way[0], func(begun bool) bool { met = met || begun; return frozen() == (way[0] == "freeze") }, way[1:]...)
		tools = append([]string{"mythos." + way[0]}, tools...)
		want(way[0]+" is done", way[0] == "freeze", tools)
		if out := mustRun(t, dir, "status"); !met || strings.Contains(out, "ended early") {
			t.Errorf("%s was begun and not in force: %v; then: %s", way[0], met, out)
		}
	}
	kill("freeze", func(begun bool) bool { return begun }, "--reason", "incident 13")
	mustRun(t, dir, "freeze", "--reason", "incident 14")
	want("another freeze", true, append([]string{"mythos.freeze"}, tools...))
	over := regexp.MustCompile(`(?s)began and ended early: nothing was frozen or thawed.*mythos (ledger resolve \S+ --decision abandon)`).FindStringSubmatch(mustRun(t, dir, "status"))
	if over == nil {
		t.Fatal(mustRun(t, dir, "status"))
	}
	mustRun(t, dir, strings.Fields(over[1])...)
	if out := mustRun(t, dir, "status"); strings.Contains(out, "ended early") || !frozen() {
		t.Error(out)
	}
	mustRun(t, dir, "ledger", "verify")
	mustRun(t, dir, "fsck")
}
