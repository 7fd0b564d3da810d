package process

import (
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/mythos-project/mythos/exec"
)

// denied finds a line that says that something may not be opened; named finds the paths in it.
var (
	denied = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`[Pp]ermission denied|EACCES`) })
	named  = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`/[^\s:'",()\[\]]+`) })
)

// deniedPath is the path that a program says it may not open: the last one before the words, otherwise the first one
// after them.
func deniedPath(stderr string) string {
	for line := range strings.Lines(stderr) {
		at := denied().FindStringIndex(line)
		if at == nil {
			continue
		}
		if before := named().FindAllString(line[:at[0]], -1); len(before) > 0 && !strings.HasSuffix(strings.TrimSpace(line), ")") {
			return filepath.Clean(before[len(before)-1])
		}
		if after := named().FindString(line[at[1]:]); after != "" {
			return filepath.Clean(after)
		}
	}
	return ""
}

// advice names the --read option that would let a confined program open the denied path.
func advice(ref exec.ModuleRef, stderr string) string {
	path := deniedPath(stderr)
	if ref.Confinement == exec.ConfineNone || path == "" {
		return ""
	}
	for _, open := range slices.Concat(ref.Read, ref.Write) {
		if path == open || strings.HasPrefix(path, strings.TrimSuffix(open, "/")+"/") {
			return "\nit is confined and cannot write " + path + ": register it with --write " + filepath.Dir(path) + " to allow it"
		}
	}
	return "\nit is confined and cannot open " + path + ": register it with --read " + path + " to allow it"
}
