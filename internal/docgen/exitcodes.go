package docgen

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/mythos-project/mythos/internal/cli/clierr"
)

const (
	exitCodesFile = "docs/exit-codes.md"
	tableStart    = "<!-- generated: exit codes -->\n"
	tableEnd      = "<!-- end -->\n"
)

// exitCodes writes the table of exit codes into its page, between two marks.
func (t *Tree) exitCodes(files map[string][]byte) error {
	var b strings.Builder
	b.WriteString("| code | kind | meaning |\n|---|---|---|\n")
	for _, c := range clierr.Codes {
		fmt.Fprintf(&b, "| %d | %s | %s |\n", c.Code, c.Kind, c.Meaning)
	}
	return t.table(files, exitCodesFile, tableStart, b.String())
}

// table writes a generated table into its page, after the mark start.
func (t *Tree) table(files map[string][]byte, name, start, text string) error {
	page, there := files[name]
	if !there {
		var err error
		if page, err = os.ReadFile(filepath.Join(t.source, name)); err != nil {
			return fmt.Errorf("generated table: %w", err)
		}
	}
	before, rest, ok := strings.Cut(string(page), start)
	_, after, found := strings.Cut(rest, tableEnd)
	if !ok || !found {
		return fmt.Errorf("%s lacks the marks %q and %q", name, start, tableEnd)
	}
	files[name] = []byte(before + start + text + tableEnd + after)
	return nil
}
