package main

import (
	"os"
	osexec "os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// TestQuickstart runs the quickstart without Go, without a home and with no writable folder except the one for
// temporary files, and then pastes what it shows into a shell.
func TestQuickstart(t *testing.T) {
	if testing.Short() {
		t.Skip("short")
	}
	t.Parallel()
	temporary, pasted, unwritable := t.TempDir(), t.TempDir(), t.TempDir()
	if err := os.Chmod(unwritable, 0o555); err != nil {
		t.Fatal(err)
	}
	env := []string{"PATH=" + mythosOnPath(t) + ":" + pathWithoutGo(t), "TMPDIR=" + temporary, "TESTSCRIPT_COMMAND=mythos"}
	run := func(dir, stdin string, args ...string) string {
		cmd := osexec.CommandContext(t.Context(), args[0], args[1:]...)
		cmd.Path = lookIn(t, env[0], args[0])
		cmd.Dir, cmd.Env, cmd.Stdin = dir, env, strings.NewReader(stdin)
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("%v: %v\n%s", args, err, out)
		}
		return string(out)
	}
	shown := run(unwritable, "", "mythos", "quickstart")
	made, err := filepath.Glob(filepath.Join(temporary, "mythos-quickstart-*"))
	if err != nil || len(made) != 1 || !strings.Contains(shown, "rm -r "+made[0]+"\n") {
		t.Fatalf("made %v: %v; shown:\n%s", made, err, shown)
	}
	var commands []string
	for line := range strings.Lines(shown) {
		if command, ok := strings.CutPrefix(line, "$ "); ok {
			commands = append(commands, command)
		}
	}
	printed := run(pasted, strings.Join(commands, ""), "sh", "-e")
	script := run(unwritable, "", "mythos", "quickstart", "--print")
	want, got := quickstartOutput(shown, script, made[0]), quickstartOutput(printed, "", pasted)
	if len(commands) < 20 || !slices.Equal(want, got) {
		t.Errorf("%d commands; shown:\n%s\npasted:\n%s", len(commands), strings.Join(want, "\n"), strings.Join(got, "\n"))
	}
	for _, must := range []string{"not run again: …by shop", "exit 4", "…\tbot\t…", "trusted: signer shop …", "ok"} {
		if !slices.ContainsFunc(got, func(line string) bool { return matches("…"+must+"…", line) }) {
			t.Errorf("%q is missing", must)
		}
	}
	run(unwritable, "", "rm", "-r", made[0])
	for _, dir := range []string{temporary, unwritable} {
		if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
			t.Errorf("left behind: %v %v", left, err)
		}
	}
}

// pathWithoutGo returns PATH without the folders that contain Go.
func pathWithoutGo(t *testing.T) string {
	t.Helper()
	dirs := slices.DeleteFunc(filepath.SplitList(os.Getenv("PATH")), func(dir string) bool { return exists(filepath.Join(dir, "go")) })
	return strings.Join(dirs, string(filepath.ListSeparator))
}

// lookIn finds a command in "PATH=...".
func lookIn(t *testing.T, path, name string) string {
	t.Helper()
	for _, dir := range filepath.SplitList(strings.TrimPrefix(path, "PATH=")) {
		if file := filepath.Join(dir, name); exists(file) {
			return file
		}
	}
	t.Fatalf("no %s in %s", name, path)
	return ""
}

// around matches what the quickstart prints before and after all commands.
var around = pattern(`^(# All of this happens in |\d+ commands in |To remove it: |Next: )`)

// quickstartOutput returns the output of the commands, without what differs from run to run. Calls of a batch have no
// order, so the lines are sorted.
func quickstartOutput(text, script, dir string) []string {
	ours := map[string]bool{"": true}
	for line := range strings.SplitSeq(script, "\n") {
		ours[strings.TrimPrefix(line, "## ")] = true
	}
	var lines []string
	for line := range strings.SplitSeq(normalized(text, dir), "\n") {
		if !ours[line] && !strings.HasPrefix(line, "$ ") && !around().MatchString(line) {
			lines = append(lines, line)
		}
	}
	slices.Sort(lines)
	return lines
}
