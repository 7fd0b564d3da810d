package process

import (
	"path/filepath"
	"testing"
)

// FuzzLine: a parsed first line of a script is an absolute program and its arguments.
func FuzzLine(f *testing.F) {
	for _, s := range []string{"/bin/sh", " /bin/sh -e ", "/usr/bin/env sh", "/usr/bin/env -S sh -e", "/bin/sh\r", "sh", "", "/usr/bin/env 'sh", "/bin/sh\t-x y"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, line []byte) {
		argv, err := parseLine("/x", line)
		if err != nil {
			return
		}
		if len(argv) == 0 || !filepath.IsAbs(argv[0]) {
			t.Fatalf("%q of %q", argv, line)
		}
		if i := scriptOf(argv[0], append(argv, "/x")); i < 0 || i > len(argv) {
			t.Fatalf("the script of %q is %d", argv, i)
		}
	})
}
