package definition

import (
	"fmt"

	"github.com/mythos-project/mythos/exec/output"
	"github.com/mythos-project/mythos/internal/jsontext"
)

// Difference returns a line for each member that differs between two definitions, with only printable characters.
func Difference(was, is []byte) []string {
	before, _ := jsontext.FieldsOf(was) // an unreadable one has no members
	after, _ := jsontext.FieldsOf(is)
	var lines []string
	for _, name := range defining {
		old, now := before.Get(name), after.Get(name)
		if string(old) != string(now) {
			lines = append(lines, fmt.Sprintf("%s was %s, is %s", name, excerpt(old, now), excerpt(now, old)))
		}
	}
	return lines
}

const (
	maxExcerpt = 160 // bytes of a value that are shown
	maxBefore  = 40  // of them before the first difference
)

// excerpt is the part of a value around its first difference from another one.
func excerpt(value, other []byte) string {
	if value == nil {
		return "absent"
	}
	same := 0
	for same < min(len(value), len(other)) && value[same] == other[same] {
		same++
	}
	from := 0
	if same > maxBefore && len(value) > maxExcerpt {
		from = same - maxBefore
	}
	text := output.Visible(value[from:min(len(value), from+maxExcerpt)])
	if from > 0 {
		text = "…" + text
	}
	if from+maxExcerpt < len(value) {
		text += "…"
	}
	return text
}
