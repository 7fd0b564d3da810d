package mcptool

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/mythos-project/mythos/exec"
	"github.com/mythos-project/mythos/exec/definition"
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
		drift.Changed = definition.Difference(was, drift.Now)
	}
}
