package quickstart

import (
	"fmt"
	"strings"

	"github.com/mythos-project/mythos/internal/ui"
)

// A script is a shell script that is shown completely: lines that begin with "## " are headings, those that begin with
// "# " explain the next command. A command ends with its line, unless the line ends with a backslash or begins a
// here-document that ends with END.
type script []step

// step is a line of text, or a command.
type step struct{ text, command string }

func parse(source string) script {
	var steps script
	lines := strings.Split(strings.TrimSpace(source), "\n")
	for i := 0; i < len(lines); i++ {
		if line := lines[i]; line == "" || strings.HasPrefix(line, "#") {
			steps = append(steps, step{text: line})
			continue
		}
		from := i
		for document := false; i < len(lines)-1; i++ {
			document = document || strings.Contains(lines[i], "<<END") || strings.Contains(lines[i], "<<'END'")
			if lines[i] == "END" || (!document && !strings.HasSuffix(lines[i], `\`)) {
				break
			}
		}
		steps = append(steps, step{command: strings.Join(lines[from:i+1], "\n")})
	}
	return steps
}

// commands is how many commands a script has.
func (s script) commands() (n int) {
	for _, step := range s {
		if step.command != "" {
			n++
		}
	}
	return n
}

// shown is the display of a step before it runs.
func (s step) shown(io *ui.Streams) string {
	switch heading, isHeading := strings.CutPrefix(s.text, "## "); {
	case isHeading:
		return io.Paint(ui.Strong, heading)
	case s.command == "":
		return io.Paint(ui.Dim, s.text)
	}
	lines := strings.Split(s.command, "\n")
	for i, line := range lines {
		lines[i] = io.Paint(ui.Name, map[bool]string{true: "$ ", false: "> "}[i == 0]+line)
	}
	return strings.Join(lines, "\n")
}

// before ends a server that a script has started, however the script ends.
const before = `set -e
trap 'test -z "$SERVER" || kill $SERVER 2>/dev/null || true' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
`

// playable is a script for sh that shows and runs each step, and stops at the first failure.
func (s script) playable(io *ui.Streams) string {
	var b strings.Builder
	b.WriteString(before)
	for _, step := range s {
		fmt.Fprintf(&b, "printf '%%s\\n' %s\n%s\n", quoted(step.shown(io)), step.command)
	}
	return b.String()
}

// quoted quotes a text as one word for a shell.
func quoted(text string) string { return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'" }

// word is quoted if a shell would not read text as one word.
func word(text string) string {
	if text == "" || strings.ContainsAny(text, " \t\n'\"$&|;<>()*?[]#~`\\{}!=%") {
		return quoted(text)
	}
	return text
}
