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

// ErrDrift means that a server's description of a tool differs from the registered one. Errors that wrap it also wrap
// exec.ErrPinned.
var ErrDrift = errors.New("the mcp server describes the tool differently from its registration")

// DriftError names the tool and the differences.
type DriftError struct {
	Tool      string
	Want, Got object.Hash
	Now       []byte   // the plain form of the definition that the server gives now
	Changed   []string // a line for each changed member, with the old and the new value; for people
}

func (e *DriftError) Error() string {
	if len(e.Changed) == 0 {
		return fmt.Sprintf("%v (%s): the definition has hash %s, the registered one has %s", ErrDrift, e.Tool, e.Got.Short(), e.Want.Short())
	}
	return fmt.Sprintf("%v (%s): %s", ErrDrift, e.Tool, strings.Join(e.Changed, "; "))
}

// Unwrap gives ErrDrift and exec.ErrPinned.
func (e *DriftError) Unwrap() []error { return []error{ErrDrift, exec.ErrPinned} }

// explain adds the changes to a DriftError, if the registered text is known.
func (r *Runner) explain(ctx context.Context, err error) {
	var drift *DriftError
	if r.Definitions == nil || !errors.As(err, &drift) {
		return
	}
	if was, err := r.Definitions(ctx, drift.Want); err == nil {
		drift.Changed = definition.Difference(was, drift.Now)
	}
}
