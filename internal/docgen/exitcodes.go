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

// exitCodes writes the one table of codes into its page, between two marks.
func (t *Tree) exitCodes(files map[string][]byte) error {
	page, err := os.ReadFile(filepath.Join(t.source, exitCodesFile))
	if err != nil {
		return fmt.Errorf("exit codes: %w", err)
	}
	before, rest, ok := strings.Cut(string(page), tableStart)
	_, after, found := strings.Cut(rest, tableEnd)
	if !ok || !found {
		return fmt.Errorf("%s lacks the marks %q and %q", exitCodesFile, tableStart, tableEnd)
	}
	var b strings.Builder
	b.WriteString(before + tableStart + "| code | kind | meaning |\n|---|---|---|\n")
	for _, c := range clierr.Codes {
		fmt.Fprintf(&b, "| %d | %s | %s |\n", c.Code, c.Kind, c.Meaning)
	}
	b.WriteString(tableEnd + after)
	files[exitCodesFile] = []byte(b.String())
	return nil
}
