package docgen

import (
	"bytes"
	"fmt"
	"regexp"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/cobra/doc"

	"github.com/mythos-project/mythos/internal/cli/clierr"
)

// dated matches the date in a page's title line: a page changes with the command, not with the calendar.
var dated = regexp.MustCompile(`(?m)^(\.TH "[^"]*" "1") "[^"]*"`)

// man makes a manual page for each command, man/mythos-blob-put.1.
func (t *Tree) man(files map[string][]byte) error {
	for _, c := range t.Commands() {
		c.DisableAutoGenTag = true
		var b bytes.Buffer
		if err := doc.GenMan(c, &doc.GenManHeader{Section: "1", Source: "mythos", Manual: "mythos manual"}, &b); err != nil {
			return fmt.Errorf("manual page of %s: %w", c.CommandPath(), err)
		}
		page := dated.ReplaceAllString(b.String(), `$1 ""`)
		files["man/"+fileName(c)+".1"] = []byte(withExitStatus(page))
	}
	return nil
}

// withExitStatus inserts the exit codes before the examples or, without examples, before the "see also" section.
func withExitStatus(page string) string {
	for _, next := range []string{".SH EXAMPLE\n", ".SH SEE ALSO\n"} {
		if before, after, ok := strings.Cut(page, next); ok {
			return before + exitStatus() + "\n\n" + next + after
		}
	}
	return page + exitStatus()
}

// exitStatus returns the section of a manual page that lists the exit codes.
func exitStatus() string {
	var b strings.Builder
	b.WriteString(".SH EXIT STATUS\n")
	for _, c := range clierr.Codes {
		fmt.Fprintf(&b, ".TP\n\\fB%d\\fP\n%s\n", c.Code, c.Meaning)
	}
	return b.String()
}

// completions makes the completion scripts of the four shells.
func (t *Tree) completions(files map[string][]byte) error {
	for name, gen := range map[string]func(*cobra.Command, *bytes.Buffer) error{
		"completions/mythos.bash": func(c *cobra.Command, b *bytes.Buffer) error { return c.GenBashCompletionV2(b, true) },
		"completions/_mythos":     func(c *cobra.Command, b *bytes.Buffer) error { return c.GenZshCompletion(b) },
		"completions/mythos.fish": func(c *cobra.Command, b *bytes.Buffer) error { return c.GenFishCompletion(b, true) },
		"completions/mythos.ps1":  func(c *cobra.Command, b *bytes.Buffer) error { return c.GenPowerShellCompletionWithDesc(b) },
	} {
		var b bytes.Buffer
		if err := gen(t.Root, &b); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		files[name] = b.Bytes()
	}
	return nil
}
