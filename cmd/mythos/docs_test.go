package main

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	osexec "os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

// TestDocumentationRuns executes every command block of every page, each page in one shell and one fresh folder, and
// compares output that is shown (CONTRIBUTING.md#documentation-that-runs).
func TestDocumentationRuns(t *testing.T) {
	if testing.Short() {
		t.Skip("short")
	}
	bin := mythosOnPath(t)
	ran := map[string]int{}
	for _, page := range pages(t) {
		text, err := os.ReadFile(filepath.Join("../..", page))
		if err != nil {
			t.Fatal(err)
		}
		steps, err := parseDoc(string(text))
		if err != nil {
			t.Fatalf("%s: %v", page, err)
		}
		for _, s := range steps {
			if s.leftOut {
				namesWhatIsThere(t, page, s)
			}
		}
		steps = slices.DeleteFunc(steps, func(s docStep) bool { return s.leftOut })
		if ran[filepath.Dir(page)] += len(steps); len(steps) > 0 {
			t.Run(page, func(t *testing.T) {
				t.Parallel()
				runDoc(t, bin, steps)
			})
		}
	}
	for dir, least := range map[string]int{".": 2, "docs": 15, "docs/tutorials": 25} {
		if ran[dir] < least {
			t.Errorf("only %d blocks in the pages of %s", ran[dir], dir)
		}
	}
}

// pages lists all pages of the repository.
func pages(t *testing.T) (list []string) {
	t.Helper()
	err := filepath.WalkDir("../..", func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.IsDir() && path != "../.." && (strings.HasPrefix(d.Name(), ".") || d.Name() == "testdata" || d.Name() == "dist") {
			return fs.SkipDir
		}
		if err == nil && strings.HasSuffix(path, ".md") {
			list = append(list, strings.TrimPrefix(path, "../../"))
		}
		return err
	})
	if err != nil || len(list) < 30 {
		t.Fatalf("%d pages: %v", len(list), err)
	}
	return list
}

var (
	target = pattern(`(?m)^make ([a-z-]+)`)
	folder = pattern(`(?:^| )(\./[a-z]+[a-z/-]*|[a-z]+/[a-z/]+\.sh)`)
)

// namesWhatIsThere checks what can be checked of a block that is not run: targets of make,
// folders and scripts.
func namesWhatIsThere(t *testing.T, page string, s docStep) {
	t.Helper()
	makefile, err := os.ReadFile("../../Makefile")
	if err != nil {
		t.Fatal(err)
	}
	for _, found := range target().FindAllStringSubmatch(s.commands, -1) {
		if !strings.Contains(string(makefile), "\n"+found[1]+":") {
			t.Errorf("%s:%d: no target %s", page, s.line, found[1])
		}
	}
	for _, found := range folder().FindAllStringSubmatch(s.commands, -1) {
		if !exists(filepath.Join("../..", found[1])) {
			t.Errorf("%s:%d: no %s", page, s.line, found[1])
		}
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

// docStep is one block of commands, and the output that it shows.
type docStep struct {
	line     int // of the page
	commands string
	shown    *string
	leftOut  bool // the page says why
}

// Lines that tell a reader of the page why the next block, or the entire page, is not run.
var (
	leftOut    = pattern(`^\*Not run by the tests: .{5,}\.\*$`)
	allLeftOut = pattern(`^\*Not run by the tests, all of this page: .{5,}\.\*$`)
	commands   = pattern(`^(\$ )?(mythos|go|make|git|curl|apt-get) [a-z]`)
)

// ofThePage in a line of where means not only the next block.
const ofThePage = ", all of this page"

// where lists lines for blocks that are run only if a target of make asks for it, with the variable that the target
// sets.
var where = map[string]string{
	"*Run by the tests where npm is: `make mcp`.*":          "MYTHOS_TEST_NPM",
	"*Run by the tests where PyTorch is: `make finetune`.*": "MYTHOS_TEST_FINETUNE",
}

// parseDoc finds the blocks of a page: fences of sh, shown or hidden in a comment "<!-- run". A fence "output" shows
// the output of the block before it. No other fence may hold commands.
func parseDoc(text string) (steps []docStep, err error) {
	var block []string
	kind, start, skip, all := "", 0, false, false
	for i, line := range strings.Split(text, "\n") {
		trimmed := strings.TrimSpace(line)
		switch {
		case kind == "" && leftOut().MatchString(trimmed):
			skip = true
		case kind == "" && where[strings.Replace(trimmed, ofThePage, "", 1)] != "":
			skip = os.Getenv(where[strings.Replace(trimmed, ofThePage, "", 1)]) == ""
			all = skip && strings.Contains(trimmed, ofThePage)
		case kind == "" && allLeftOut().MatchString(trimmed):
			all = true
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
			case kind == "fence sh" || kind == "hidden":
				steps = append(steps, docStep{line: start, commands: body, leftOut: kind != "hidden" && (skip || all)})
			case slices.ContainsFunc(block, func(line string) bool { return commands().MatchString(line) }):
				return nil, fmt.Errorf("line %d: commands that nobody runs: call the fence sh, or say why above it: *Not run by the tests: WHY.*", start)
			}
			kind, skip = "", skip && kind == "hidden"
		case kind != "":
			block = append(block, line)
		case trimmed != "":
			skip = false
		}
	}
	if kind != "" {
		return nil, fmt.Errorf("line %d: the block does not end", start)
	}
	return steps, nil
}

func runDoc(t *testing.T, bin string, steps []docStep) {
	dir, out, temporary := t.TempDir(), t.TempDir(), t.TempDir()
	clone, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	var script strings.Builder
	script.WriteString("set -e\n")
	for i, s := range steps {
		fmt.Fprintf(&script, "exec > %s/%d 2>&1\n%s\n", out, i, s.commands)
	}
	longest := 2 * time.Minute
	if os.Getenv("MYTHOS_TEST_FINETUNE") != "" {
		longest = 30 * time.Minute
	}
	ctx, cancel := context.WithTimeout(t.Context(), longest)
	defer cancel()
	cmd := osexec.CommandContext(ctx, "bash", "-c", script.String())
	cmd.Dir = dir
	cmd.Env = []string{"PATH=" + bin + ":" + os.Getenv("PATH"), "HOME=" + dir, "XDG_CACHE_HOME=" + filepath.Join(dir, ".cache"), "TMPDIR=" + temporary, "LC_ALL=C", "GITHUB_SHA=4f1c2d3e", "CLONE=" + clone, "TESTSCRIPT_COMMAND=mythos"}
	cmd.WaitDelay = time.Second
	err = cmd.Run()
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

// matches compares output with what is shown: within a line, "…" stands for whatever differs from run to run; a line
// with only "…" stands for any lines.
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

// TestDocumentationCanFail shows that a wrong page is detected.
func TestDocumentationCanFail(t *testing.T) {
	if !matches("a … b\n…\nend", "a 1 b\nx\ny\nend\n") || matches("a … b", "a 1 c\n") || matches("a", "a\nb\n") || matches("a\nb", "a\n") {
		t.Error("matches")
	}
	const reason = "*Not run by the tests: it would take a day.*\n\n"
	steps, err := parseDoc("```sh\ntrue\n```\n" + reason + "```sh\nfalse\n```\n```sh\necho 1\n```\n```output\n1\n```\n<!-- run\necho hidden\n-->\n" + reason + "Text.\n\n```sh\ntrue\n```\n")
	left := ""
	for _, s := range steps {
		left += map[bool]string{true: "-", false: "+"}[s.leftOut]
	}
	if err != nil || left != "+-+++" || steps[2].shown == nil || *steps[2].shown != "1" || steps[3].commands != "echo hidden" {
		t.Errorf("%s %v %v", left, steps, err)
	}
	if steps, err := parseDoc("*Not run by the tests, all of this page: it measures.*\n\nText.\n```sh\ntrue\n```\n"); err != nil || len(steps) != 1 || !steps[0].leftOut {
		t.Errorf("%v %v", steps, err)
	}
	for _, bad := range []string{"```sh\ntrue\n", "```output\n1\n```\n", "```text\nmythos status\n```\n", "```\n$ mythos status\n```\n"} {
		if _, err := parseDoc(bad); err == nil {
			t.Errorf("%q passed", bad)
		}
	}
}
