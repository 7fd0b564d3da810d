// Package gitignore reads patterns in the syntax of gitignore(5) and says which paths they ignore. It does no input or
// output. A test compares it with git itself, if git is installed.
package gitignore

import (
	"bytes"
	"strings"
)

// Pattern is one line of a file of patterns.
type Pattern struct {
	dir     string // the folder of the file, with a slash at its end; empty: the root
	text    string
	include bool // begins with !
	folders bool // ends with /: matches only folders
	base    bool // has no slash: matches names in any folder below
}

// Parse reads a file of patterns that lies in dir, a path with slashes between its parts and none at its ends; empty is
// the root. Later patterns take precedence.
func Parse(data []byte, dir string) []Pattern {
	if dir != "" {
		dir += "/"
	}
	var list []Pattern
	for line := range bytes.SplitSeq(bytes.TrimPrefix(data, []byte("\xef\xbb\xbf")), []byte("\n")) {
		if p, ok := parse(strings.TrimSuffix(string(line), "\r"), dir); ok {
			list = append(list, p)
		}
	}
	return list
}

func parse(line, dir string) (p Pattern, ok bool) {
	if strings.HasPrefix(line, "#") {
		return p, false
	}
	p = Pattern{dir: dir, text: trimSpaces(line)}
	p.text, p.include = strings.CutPrefix(p.text, "!")
	p.text, p.folders = strings.CutSuffix(p.text, "/")
	p.base = !strings.Contains(p.text, "/")
	p.text = strings.TrimPrefix(p.text, "/")
	return p, p.text != ""
}

// trimSpaces removes spaces at the end, except one that is escaped by a backslash.
func trimSpaces(line string) string {
	end := 0
	for i := 0; i < len(line); i++ {
		switch line[i] {
		case ' ':
			continue
		case '\\':
			i++
		}
		end = min(i+1, len(line))
	}
	return line[:end]
}

// Ignored reports whether patterns ignore a path. As in git, nothing below an ignored folder can be included again:
// callers do not look into one.
func Ignored(list []Pattern, path string, folder bool) bool {
	for i := len(list) - 1; i >= 0; i-- {
		if list[i].matches(path, folder) {
			return !list[i].include
		}
	}
	return false
}

func (p *Pattern) matches(path string, folder bool) bool {
	if p.folders && !folder {
		return false
	}
	rest, below := strings.CutPrefix(path, p.dir)
	if !below {
		return false
	}
	if p.base {
		return wild(p.text, rest[strings.LastIndexByte(rest, '/')+1:]) == match
	}
	// Git compares the text before the first special byte separately, so that a ** after it counts as at the beginning.
	plain := strings.IndexAny(p.text+"*", "*?[\\")
	rest, same := strings.CutPrefix(rest, p.text[:plain])
	return same && wild(p.text[plain:], rest) == match
}
