package gitignore

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

func TestIgnored(t *testing.T) {
	for _, c := range []struct {
		patterns, path string
		folder, want   bool
	}{
		{"*.o", "a/b.o", false, true},
		{"/*.o", "a/b.o", false, false},
		{"*.o\n!keep.o", "a/keep.o", false, false},
		{"!keep.o\n*.o", "keep.o", false, true},
		{"build/", "build", false, false},
		{"build/", "x/build", true, true},
		{"a/build", "x/a/build", true, false},
		{"**/build", "x/a/build", true, true},
		{"a/**/z", "a/z", false, true},
		{"a/**/z", "a/b/c/z", false, true},
		{"a/**", "a", true, false},
		{"a/**", "a/b/c", false, true},
		{"a**z", "abc/z", false, false},
		{"a**/b", "ab", false, true}, // as in git
		{"a/*", "a/b/c", false, false},
		{"# not this", "# not this", false, false},
		{"\\#this", "#this", false, true},
		{"\\!this", "!this", false, true},
		{"trailing   ", "trailing", false, true},
		{"trailing\\ ", "trailing ", false, true},
		{"[!a-c]x", "dx", false, true},
		{"[^a-c]x", "bx", false, false},
		{"[[:digit:]]x", "7x", false, true},
		{"[]-]x", "]x", false, true},
		{"[a", "[a", false, false},
		{"a?c", "a/c", false, false},
		{"caf\xe9*", "caf\xe9.txt", false, true},
		{"\xef\xbb\xbfx\r\ny\r\n", "x", false, true},
		{"/", "a", true, false},
		{"*", "a/b", false, true},
	} {
		if got := Ignored(Parse([]byte(c.patterns), ""), c.path, c.folder); got != c.want {
			t.Errorf("%q, %q (folder %t): %t, expected %t", c.patterns, c.path, c.folder, got, c.want)
		}
	}
	nested := append(Parse([]byte("*.log"), ""), Parse([]byte("!/a.log"), "sub/dir")...)
	for path, want := range map[string]bool{"a.log": true, "sub/dir/a.log": false, "sub/dir/x/a.log": true, "sub/dirx/a.log": true} {
		if got := Ignored(nested, path, false); got != want {
			t.Errorf("%q: %t", path, got)
		}
	}
}

// TestAsGit generates patterns and paths, and compares with git.
func TestAsGit(t *testing.T) {
	if _, err := exec.LookPath("git"); err != nil {
		t.Skip("git is not here")
	}
	dir := t.TempDir()
	git := func(stdin string, args ...string) string {
		cmd := exec.Command("git", args...)
		cmd.Dir, cmd.Stdin = dir, strings.NewReader(stdin)
		cmd.Env = append(os.Environ(), "GIT_CONFIG_GLOBAL=/dev/null", "GIT_CONFIG_SYSTEM=/dev/null", "HOME="+dir)
		var out, errs bytes.Buffer
		cmd.Stdout, cmd.Stderr = &out, &errs
		if err := cmd.Run(); err != nil && (cmd.ProcessState == nil || cmd.ProcessState.ExitCode() != 1) {
			t.Fatalf("git %v: %v: %s", args, err, errs.String())
		}
		return out.String()
	}
	git("", "init", "-q", ".")
	r := rand.New(rand.NewPCG(25, 1))
	pieces := []string{"a", "b", "ab", "*", "**", "?", "/", "/", "[ab]", "[!a]", "[a-c]", "[[:alpha:]]", "\\a", "\\*", "[", "]", "!", "-", " ", "*/", "**/", "/**"}
	draw := func(from []string, most int) string {
		var s strings.Builder
		for range 1 + r.IntN(most) {
			s.WriteString(from[r.IntN(len(from))])
		}
		return s.String()
	}
	// To git, missing paths are files, and what is above them folders.
	paths := []string{"a", "b", "ab", "abc", "a/b", "b/a", "a/a/b", "b/a/ab", "a/b/a/b", "*", "a/*", "[", "]", "!a", "a-b", "c/ab", "aab", "c"}
	compared := 0
	for range 60 {
		var lines []string
		for range 1 + r.IntN(3) {
			lines = append(lines, draw(pieces, 5))
		}
		text := strings.Join(lines, "\n") + "\n"
		if err := os.WriteFile(filepath.Join(dir, ".gitignore"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		left := map[string]bool{}
		for line := range strings.SplitSeq(git(strings.Join(paths, "\x00")+"\x00", "check-ignore", "--no-index", "-z", "--stdin"), "\x00") {
			left[line] = true
		}
		list := Parse([]byte(text), "")
		for _, path := range paths {
			if got := below(list, path); got != left[path] {
				t.Errorf("%q, path %q: %t, git says %t", text, path, got, left[path])
			}
			compared++
		}
	}
	if compared < 500 {
		t.Fatalf("only %d compared", compared)
	}
}

// below asks like a walk does: it does not look into an ignored folder.
func below(list []Pattern, path string) bool {
	for i := range path {
		if path[i] == '/' && Ignored(list, path[:i], true) {
			return true
		}
	}
	return Ignored(list, path, false)
}

func Example() {
	list := Parse([]byte("*.log\n!keep.log\ncache/\n"), "")
	fmt.Println(Ignored(list, "a/b.log", false), Ignored(list, "keep.log", false), Ignored(list, "cache", true))
	// Output: true false true
}

func FuzzIgnored(f *testing.F) {
	f.Add([]byte("a/**/b[[:alpha:]-z]\\"), "a/b/c")
	f.Fuzz(func(_ *testing.T, patterns []byte, path string) {
		Ignored(Parse(patterns[:min(len(patterns), 64)], ""), path[:min(len(path), 64)], true)
	})
}
