package main

import (
	"bytes"
	"errors"
	"io"
	"os"
	osexec "os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/creack/pty"
	"github.com/mattn/go-runewidth"
)

// onTerminal runs mythos in dir on a terminal of 80 columns, and returns what it shows.
func onTerminal(t *testing.T, dir string, rows uint16, env []string, args ...string) string {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := osexec.CommandContext(t.Context(), self, args...)
	cmd.Args[0], cmd.Dir = "mythos", dir
	cmd.Env = append([]string{"TESTSCRIPT_COMMAND=mythos", "TERM=xterm-256color", "PATH=" + os.Getenv("PATH"),
		"HOME=" + dir, "XDG_CACHE_HOME=" + filepath.Join(dir, ".cache"), "MYTHOS_THEME=dark"}, env...)
	f, err := pty.StartWithSize(cmd, &pty.Winsize{Rows: rows, Cols: 80})
	if errors.Is(err, os.ErrPermission) || errors.Is(err, os.ErrNotExist) {
		t.Skip("no terminals here: ", err)
	}
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var b bytes.Buffer
	if _, err := io.Copy(&b, f); err != nil && !errors.Is(err, syscall.EIO) { // EIO is how a terminal ends
		t.Fatal(err)
	}
	_ = cmd.Wait() // errors are screens, too
	return strings.ReplaceAll(b.String(), "\r\n", "\n")
}

// The parts of a screen that differ from run to run; their widths are kept.
var (
	hexRun    = pattern(`\b[0-9a-f]{10,64}\b|[0-9a-f]{10,}|hex:[0-9a-f]+…`)
	timeStamp = pattern(`\d{4}-\d\d-\d\d([ T])\d\d:\d\d(:\d\d)?(\.\d{6})?`)
	lasting   = pattern(`another \d+[a-z]+[0-9a-z]*`)
	scores    = pattern(`is \d{5,7} \(`) // of a model, which learns from the Go toolchain's files
	escapes   = pattern(`\x1b\[[0-9;]*m`)
)

func normalized(screen, dir string) string {
	screen = strings.ReplaceAll(screen, dir, "DIR")
	screen = timeStamp().ReplaceAllStringFunc(screen, func(s string) string { return "2026-01-02" + s[10:11] + "03:04:05.000000"[:len(s)-11] })
	screen = scores().ReplaceAllString(screen, "is 950000 (")
	screen = lasting().ReplaceAllString(screen, "another 1h")
	return hexRun().ReplaceAllStringFunc(screen, func(s string) string { return strings.Repeat("f", utf8.RuneCountInString(s)) })
}

// TestScreens compares what people see on a terminal of 80 columns with the captures in testdata/screens, with and
// without colour. UPDATE_SCREENS=1 rewrites them.
func TestScreens(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for name, text := range map[string]string{"notes.txt": "one\ntwo\n", "other.txt": "one\n", "data.yaml": "corpus: [\"@corpus/all\"]\n"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	must(t, dir, "-q", "init", "--name", "alice")
	must(t, dir, "-q", "trust", "add", "8a88e3dd7409f195fd52db2d3cba5d72ca6709bf1d94121bf3748801b40f6f5c", "--name", "ci", "--for", "packet,tool")
	tool := must(t, dir, "-q", "tool", "add", "lines", "--retry-safe", "--unconfined", "--process", "wc", "-l")
	must(t, dir, "-q", "tool", "add", "words", "--retry-safe", "--unconfined", "--process", "wc", "-w")
	held := must(t, dir, "-q", "cap", "issue", "--scope", "tool.call:lines,calls=5", "--ttl", "1h")
	must(t, dir, "-q", "call", "lines", "--key", "monday", "--in", "notes.txt")
	_, _ = run(dir, "-q", "call", "lines", "--key", "monday", "--in", "other.txt") // diverges
	cid := must(t, dir, "-q", "blob", "put", "notes.txt")
	must(t, dir, "-q", "ref", "set", "docs/notes", cid)
	must(t, dir, "-q", "peer", "add", "build", "http://127.0.0.1:7480", "--key", "8a88e3dd7409f195fd52db2d3cba5d72ca6709bf1d94121bf3748801b40f6f5c")
	receipt := strings.Fields(must(t, dir, "-q", "receipt", "ls", "--tool", "lines"))[0]
	must(t, dir, "-q", "call", "lines", "--key", "tuesday", "--in", "notes.txt")
	must(t, dir, "-q", "corpus", "snapshot", "--ref", "corpus/all")
	must(t, dir, "-q", "dataset", "build", "data.yaml", "--ref", "data")
	capture(t, dir, []screen{
		{"status", []string{"status"}},
		{"log", []string{"log"}},
		{"tool-ls", []string{"tool", "ls"}},
		{"cap-ls", []string{"cap", "ls"}},
		{"cap-show", []string{"cap", "show", held}},
		{"receipt-ls", []string{"receipt", "ls"}},
		{"ledger-log", []string{"ledger", "log"}},
		{"ledger-show", []string{"ledger", "show", "monday"}},
		{"key-ls", []string{"key", "ls"}},
		{"tool-show", []string{"tool", "show", "lines"}},
		{"dataset-show", []string{"dataset", "show", "@data"}},
		{"receipt-show", []string{"receipt", "show", receipt}},
		{"receipt-verify", []string{"receipt", "verify", receipt}},
		{"log-summary", []string{"log", "--summary"}},
		{"replay", []string{"call", "lines", "--key", "tuesday", "--in", "notes.txt"}},
		{"overview", []string{"--help"}},
		{"trust-ls", []string{"trust", "ls"}},
		{"blob-stat", []string{"blob", "stat", cid}},
		{"ref-ls", []string{"ref", "ls"}},
		{"peer-ls", []string{"peer", "ls"}},
		{"episode-ls", []string{"episode", "ls"}},
		{"corpus-ls", []string{"corpus", "ls"}},
		{"dataset-ls", []string{"dataset", "ls"}},
		{"model-ls", []string{"model", "ls"}},
		{"ledger-verify", []string{"ledger", "verify"}},
		{"show-blob", []string{"show", cid}},
		{"why-receipt", []string{"why", receipt}},
		{"typo", []string{"recept", "ls"}},
		{"show-receipt", []string{"show", receipt}},
		{"show-cap", []string{"show", held}},
		{"show-tool", []string{"show", tool}},
		{"no-cap", []string{"call", "lines", "--cap", cid}},
		{"not-found", []string{"show", "000000000000"}},
		{"usage", []string{"blob", "get", "--chunks"}},
		{"help", []string{"log", "--help"}},
		// What leaves entries in the ledger comes last.
		{"refused", []string{"call", "words", "--in", "notes.txt"}},
		{"conflict", []string{"call", "lines", "--key", "monday", "--in", "other.txt"}},
	})
}

// TestLearningScreens captures what people see of models and rings.
func TestLearningScreens(t *testing.T) {
	t.Parallel()
	dir := lab(t, learnedMuch)
	must(t, dir, "-q", "train", "@recipe", "@train", "--ref", "m")
	evaluation := must(t, dir, "-q", "eval", "@m", "@suite")
	must(t, dir, "-q", "attest", "@m", "--policy", "@policy0")
	capture(t, dir, []screen{{"refused-promotion", []string{"promote", "@m", "--ring", "0", "--policy", "@policy0"}}})
	must(t, dir, "-q", "attest", evaluation)
	capture(t, dir, []screen{
		{"promote-dry-run", []string{"promote", "@m", "--ring", "0", "--policy", "@policy0", "--dry-run"}},
		{"policy-show", []string{"policy", "show", "@policy0"}},
	})
	must(t, dir, "-q", "promote", "@m", "--ring", "0", "--policy", "@policy0")
	capture(t, dir, []screen{
		{"models-ls", []string{"model", "ls"}},
		{"model-log", []string{"model", "log"}},
		{"ring-freeze", []string{"ring", "freeze", "--ring", "0", "--reason", "an incident"}},
		{"frozen", []string{"promote", "@m", "--ring", "0", "--policy", "@policy0", "--dry-run"}},
	})
}

// screen is a command whose output is captured under a name.
type screen struct {
	name string
	args []string
}

// capture compares screens with their captures, with and without colour.
func capture(t *testing.T, dir string, screens []screen) {
	t.Helper()
	for _, screen := range screens {
		name, args := screen.name, screen.args
		t.Run(name, func(t *testing.T) {
			plain := normalized(onTerminal(t, dir, 50, []string{"NO_COLOR=1", "PAGER=cat"}, args...), dir)
			color := normalized(onTerminal(t, dir, 50, []string{"PAGER=cat"}, args...), dir)
			if escapes().MatchString(plain) {
				t.Errorf("NO_COLOR, and yet colour: %q", plain)
			}
			if stripped := escapes().ReplaceAllString(color, ""); stripped != plain {
				t.Errorf("colour changes the text:\n%s\n%s", stripped, plain)
			}
			golden(t, name+".plain.txt", plain)
			golden(t, name+".color.txt", color)
			fits(t, name, plain)
		})
	}
}

// golden compares a screen with its capture.
func golden(t *testing.T, name, screen string) {
	t.Helper()
	file := filepath.Join("testdata", "screens", name)
	if os.Getenv("UPDATE_SCREENS") != "" {
		if err := os.WriteFile(file, []byte(screen), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if screen != string(want) {
		t.Errorf("%s: look at it, and if it is right: UPDATE_SCREENS=1 go test ./cmd/mythos -run Screens\ngot:\n%s\nwant:\n%s", name, screen, want)
	}
}

// fits checks that no line is wider than the terminal, and that a count of one has a singular noun. Whole hashes,
// commands to copy and names of folders may be wider.
func fits(t *testing.T, name, screen string) {
	t.Helper()
	for line := range strings.Lines(screen) {
		line = strings.TrimRight(line, "\n")
		if found := onePlural().FindString(singular.Replace(line)); found != "" {
			t.Errorf("%q: %s", found, line)
		}
		if strings.Contains(line, "mythos ") || strings.Contains(line, "DIR") {
			continue
		}
		if w := runewidth.StringWidth(line); w > 80 {
			t.Errorf("%s: %d columns: %s", name, w, line)
		}
	}
}

// onePlural matches a count of one with a plural: no singular noun here ends in s.
var onePlural = pattern(`(^|[ (])1 [a-z]+s\b`)

// singular removes what only looks like that: a verb, and a part of the whole.
var singular = strings.NewReplacer("1 expires within", "", "1 of 1 verifiers", "")

// TestPager checks when a pager is used, and when not.
func TestPager(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	must(t, dir, "-q", "init", "--name", "alice")
	must(t, dir, "-q", "tool", "add", "lines", "--retry-safe", "--unconfined", "--process", "wc", "-l")
	must(t, dir, "-q", "cap", "issue", "--scope", "tool.call:lines,calls=50", "--ttl", "1h")
	for _, key := range []string{"a", "b", "c", "d", "e", "f"} {
		must(t, dir, "-q", "call", "lines", "--key", key)
	}
	shout := "MYTHOS_PAGER=sed s/^/PAGED:/"
	for name, c := range map[string]struct {
		rows  uint16
		env   []string
		args  []string
		paged bool
	}{
		"long":        {5, []string{shout}, []string{"log"}, true},
		"PAGER":       {5, []string{"PAGER=sed s/^/PAGED:/"}, []string{"log"}, true},
		"short":       {60, []string{shout}, []string{"log"}, false},
		"cat":         {5, []string{"MYTHOS_PAGER=cat", "PAGER=sed s/^/PAGED:/"}, []string{"log"}, false},
		"none":        {5, []string{"MYTHOS_PAGER="}, []string{"log"}, false},
		"asked":       {5, []string{shout}, []string{"log", "--no-pager"}, false},
		"json":        {5, []string{shout}, []string{"log", "--json"}, false},
		"not to read": {1, []string{shout}, []string{"call", "lines", "--key", "a"}, false},
		"missing":     {5, []string{"MYTHOS_PAGER=/nonexistent/pager"}, []string{"log"}, false},
	} {
		t.Run(name, func(t *testing.T) {
			screen := onTerminal(t, dir, c.rows, append(c.env, "NO_COLOR=1"), c.args...)
			if got := strings.Contains(screen, "PAGED:"); got != c.paged {
				t.Errorf("paged %t, expected %t:\n%s", got, c.paged, screen)
			}
		})
	}
	t.Run("left early", func(t *testing.T) {
		start := time.Now()
		if screen := onTerminal(t, dir, 5, []string{"MYTHOS_PAGER=head -1", "NO_COLOR=1"}, "log"); strings.Contains(screen, "mythos:") {
			t.Errorf("after %v:\n%s", time.Since(start), screen)
		}
	})
	if out := must(t, dir, "log"); strings.Contains(out, "PAGED:") || strings.Contains(out, "\x1b") {
		t.Errorf("piped, and yet not plain: %s", out)
	}
}

// TestProgressOnATerminal checks that a transfer shows its progress, with its rate, and removes it at the end.
func TestProgressOnATerminal(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	must(t, dir, "-q", "init")
	if err := os.WriteFile(filepath.Join(dir, "big"), bytes.Repeat([]byte("0123456789abcdef"), 4<<20), 0o600); err != nil {
		t.Fatal(err)
	}
	screen := onTerminal(t, dir, 24, nil, "blob", "put", "big")
	if !strings.Contains(screen, "/s") || !strings.Contains(screen, "64.0 MiB") {
		t.Errorf("no progress: %q", screen)
	}
	for _, verb := range []string{"fsck", "gc"} {
		if screen := onTerminal(t, dir, 24, nil, verb); !strings.Contains(screen, verb+" ") || !strings.Contains(screen, "/s") || strings.Contains(screen, "/ 0") {
			t.Errorf("no progress of %s: %q", verb, screen)
		}
	}
	must(t, dir, "-q", "tool", "add", "lines", "--retry-safe", "--unconfined", "--process", "wc", "-l")
	must(t, dir, "-q", "cap", "issue", "--to", "self", "--scope", "tool.call:lines,calls=9", "--ttl", "1h")
	if err := os.Truncate(filepath.Join(dir, "big"), 15<<20); err != nil { // a request has at most 16 MiB
		t.Fatal(err)
	}
	must(t, dir, "-q", "call", "lines", "--in", "big", "--timeout", "1m")
	corpus := must(t, dir, "-q", "corpus", "snapshot")
	if err := os.WriteFile(filepath.Join(dir, "def.yaml"), []byte("corpus: [\""+corpus+"\"]\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	manifest := must(t, dir, "-q", "dataset", "build", "def.yaml")
	for _, args := range [][]string{{"build", "def.yaml"}, {"verify", manifest}, {"export", manifest, "-o", "data/"}} {
		shown := "dataset " + args[0]
		if screen := onTerminal(t, dir, 24, nil, append([]string{"dataset"}, args...)...); !strings.Contains(screen, shown) || !strings.Contains(screen, "/s") {
			t.Errorf("no progress of %s: %q", shown, screen)
		}
	}
	if quiet := onTerminal(t, dir, 24, nil, "-q", "blob", "put", "big"); strings.Contains(quiet, "/s") {
		t.Errorf("-q, and yet progress: %q", quiet)
	}
}
