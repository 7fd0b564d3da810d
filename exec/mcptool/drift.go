package mcptool

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/mythos-project/mythos/exec"
	"github.com/mythos-project/mythos/internal/jsontext"
	"github.com/mythos-project/mythos/object"
)

// ErrDrift means that a server describes a tool otherwise than when it was registered.
// Errors that wrap it wrap exec.ErrPinned, too.
var ErrDrift = errors.New("the mcp server describes the tool otherwise than when it was registered")

// DriftError says which tool is described otherwise, and how.
type DriftError struct {
	Tool      string
	Want, Got object.Hash
	Now       []byte   // the plain form of the tool's definition, as the server gives it now
	Changed   []string // a line for each member that changed, with what it was and is; for people
}

func (e *DriftError) Error() string {
	if len(e.Changed) == 0 {
		return fmt.Sprintf("%v (%s): the definition has hash %s, registered was %s", ErrDrift, e.Tool, e.Got.Short(), e.Want.Short())
	}
	return fmt.Sprintf("%v (%s): %s", ErrDrift, e.Tool, strings.Join(e.Changed, "; "))
}

// Unwrap gives ErrDrift and exec.ErrPinned.
func (e *DriftError) Unwrap() []error { return []error{ErrDrift, exec.ErrPinned} }

// explain adds to a DriftError what changed, where the text that was registered is known.
func (r *Runner) explain(ctx context.Context, err error) {
	var drift *DriftError
	if r.Definitions == nil || !errors.As(err, &drift) {
		return
	}
	if was, err := r.Definitions(ctx, drift.Want); err == nil {
		drift.Changed = Difference(was, drift.Now)
	}
}

// Difference is a line for each member of two definitions that is not the same, without
// anything that a terminal would not show.
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

// excerpt is the part of a value around its first difference to another one.
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
	text := visible(value[from:min(len(value), from+maxExcerpt)])
	if from > 0 {
		text = "…" + text
	}
	if from+maxExcerpt < len(value) {
		text += "…"
	}
	return text
}
