package main

import (
	"context"
	"fmt"
	"os"
	osexec "os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// TestDocumentationRuns executes every command block of README.md and docs/, a page in
// one shell and one fresh folder, and compares output where it is shown
// (CONTRIBUTING.md#documentation-that-runs).
func TestDocumentationRuns(t *testing.T) {
	if testing.Short() {
		t.Skip("short")
	}
	bin := mythosOnPath(t)
	pages, err := filepath.Glob("../../docs/*.md")
	if err != nil {
		t.Fatal(err)
	}
	tutorials, err := filepath.Glob("../../docs/tutorials/*.md")
	if err != nil {
		t.Fatal(err)
	}
	pages = append(append(pages, tutorials...), "../../README.md")
	if len(pages) < 10 {
		t.Fatalf("only %d pages", len(pages))
	}
	for _, page := range pages {
		t.Run(strings.TrimPrefix(page, "../../"), func(t *testing.T) {
			t.Parallel()
			text, err := os.ReadFile(page)
			if err != nil {
				t.Fatal(err)
			}
			steps, err := parseDoc(string(text))
			if err != nil {
				t.Fatal(err)
			}
			runDoc(t, bin, steps)
		})
	}
}

// mythosOnPath makes a folder with a command mythos, which is this test binary.
func mythosOnPath(t *testing.T) string {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	bin := t.TempDir()
	if err := os.Symlink(self, filepath.Join(bin, "mythos")); err != nil { // testscript.Main looks at the name
		t.Fatal(err)
	}
	return bin
}

// docStep is one block of commands, and what it shows.
type docStep struct {
	line     int // of the page
	commands string
	shown    *string
}

// parseDoc finds the blocks of a page: fences of sh, shown or hidden in a comment
// "<!-- run"; those after a comment "<!-- skip: why -->" are left out. A fence
// "output" shows what the block before it prints.
func parseDoc(text string) (steps []docStep, err error) {
	var block []string
	kind, start, skip := "", 0, false
	for i, line := range strings.Split(text, "\n") {
		trimmed := strings.TrimSpace(line)
		switch {
		case kind == "" && strings.HasPrefix(trimmed, "<!-- skip: "):
			skip = true
		case kind == "" && trimmed == "<!-- run":
			kind, start, block = "hidden", i+1, nil
		case kind == "" && strings.HasPrefix(trimmed, "```"):
			kind, start, block = "fence "+strings.TrimPrefix(trimmed, "```"), i+1, nil
		case (kind == "hidden" && trimmed == "-->") || (strings.HasPrefix(kind, "fence") && trimmed == "```"):
			body := strings.Join(block, "\n")
			switch {
			case kind == "fence output" && len(steps) == 0:
				return nil, fmt.Errorf("line %d: output of nothing", start)
			case kind == "fence output":
				steps[len(steps)-1].shown = &body
			case (kind == "fence sh" && !skip) || kind == "hidden":
				steps = append(steps, docStep{line: start, commands: body})
			}
			if kind == "fence sh" {
				skip = false
			}
			kind = ""
		case kind != "":
			block = append(block, line)
		}
	}
	if kind != "" {
		return nil, fmt.Errorf("line %d: the block does not end", start)
	}
	return steps, nil
}

func runDoc(t *testing.T, bin string, steps []docStep) {
	dir, out := t.TempDir(), t.TempDir()
	var script strings.Builder
	script.WriteString("set -e\n")
	for i, s := range steps {
		fmt.Fprintf(&script, "exec > %s/%d 2>&1\n%s\n", out, i, s.commands)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	cmd := osexec.CommandContext(ctx, "bash", "-c", script.String())
	cmd.Dir = dir
	cmd.Env = []string{"PATH=" + bin + ":" + os.Getenv("PATH"), "HOME=" + dir, "XDG_CACHE_HOME=" + filepath.Join(dir, ".cache"), "LC_ALL=C", "GITHUB_SHA=4f1c2d3e", "TESTSCRIPT_COMMAND=mythos"}
	cmd.WaitDelay = time.Second
	err := cmd.Run()
	for i, s := range steps {
		printed, rerr := os.ReadFile(filepath.Join(out, fmt.Sprint(i)))
		if rerr != nil {
			t.Fatalf("the block at line %d did not run: %v", s.line, err)
		}
		if s.shown != nil {
			if !matches(*s.shown, string(printed)) {
				t.Errorf("line %d: shown:\n%s\nprinted:\n%s", s.line, *s.shown, printed)
			}
		}
		if err != nil && (i == len(steps)-1 || !exists(filepath.Join(out, fmt.Sprint(i+1)))) {
			t.Fatalf("the block at line %d failed: %v\n%s\n%s", s.line, err, s.commands, printed)
		}
	}
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// matches compares output with what is shown: "…" stands for whatever differs from run
// to run, within a line; a line of "…" alone for any lines.
func matches(shown, printed string) bool {
	var re strings.Builder
	re.WriteString("^")
	for line := range strings.SplitSeq(strings.TrimRight(shown, "\n"), "\n") {
		if strings.TrimSpace(line) == "…" {
			re.WriteString(`(?:.*\n)*?`)
			continue
		}
		parts := strings.Split(strings.TrimRight(line, " "), "…")
		for i := range parts {
			parts[i] = regexp.QuoteMeta(parts[i])
		}
		re.WriteString(strings.Join(parts, ".*?") + ` *\n`)
	}
	re.WriteString("$")
	return regexp.MustCompile(re.String()).MatchString(strings.TrimRight(printed, "\n") + "\n")
}

// TestDocumentationCanFail shows that a page that is wrong is found out.
func TestDocumentationCanFail(t *testing.T) {
	if !matches("a … b\n…\nend", "a 1 b\nx\ny\nend\n") || matches("a … b", "a 1 c\n") || matches("a", "a\nb\n") || matches("a\nb", "a\n") {
		t.Error("matches")
	}
	steps, err := parseDoc("```sh\ntrue\n```\n<!-- skip: no -->\n```sh\nfalse\n```\n```sh\necho 1\n```\n```output\n1\n```\n<!-- run\necho hidden\n-->\n")
	if err != nil || len(steps) != 3 || steps[1].shown == nil || *steps[1].shown != "1" || steps[2].commands != "echo hidden" {
		t.Errorf("%v %v", steps, err)
	}
	for _, bad := range []string{"```sh\ntrue\n", "```output\n1\n```\n"} {
		if _, err := parseDoc(bad); err == nil {
			t.Errorf("%q passed", bad)
		}
	}
}
