package runcmd

import (
	"errors"
	"fmt"

	"github.com/mythos-project/mythos/caps"
	"github.com/mythos-project/mythos/exec"
	"github.com/mythos-project/mythos/internal/cli/clierr"
	"github.com/mythos-project/mythos/internal/cli/cmdutil"
	"github.com/mythos-project/mythos/internal/history"
	"github.com/mythos-project/mythos/internal/repo"
	"github.com/mythos-project/mythos/ledger"
)

// said is an error of a call in the caller's terms: the tool by name, and without the compiled program.
type said struct {
	text string
	err  error
}

func (s *said) Error() string { return s.text }

// Unwrap gives the error itself.
func (s *said) Unwrap() error { return s.err }

// Refusal says why a call of a tool was refused, and adds the remedy. Other errors stay unchanged.
func Refusal(n *repo.Repo, err error, tool string) error {
	var denied *caps.DeniedError
	var conflict *ledger.ConflictError
	switch {
	case errors.Is(err, exec.ErrProbe): // the probe was refused, and the call's outcome is unknown
	case errors.As(err, &denied):
		return clierr.New(clierr.Refused, "%w", &said{refusalText(n, denied, tool), err}).With(cmdutil.AllowHint(n, err, tool))
	case errors.Is(err, caps.ErrDenied): // includes a quota that is used up
		return clierr.New(clierr.Refused, "%w", err).With(cmdutil.AllowHint(n, err, tool))
	case errors.As(err, &conflict) && errors.Is(conflict, ledger.ErrIdempotencyConflict):
		return &said{fmt.Sprintf("conflict: the key of this call of %s stands for another request (effect %s)", tool, conflict.IdemID.Short()), err}
	}
	return err
}

func refusalText(n *repo.Repo, denied *caps.DeniedError, tool string) string {
	who := history.Event{By: n.AgentName(n.Self()), ByKey: n.Self().KeyHex()}.Who()
	switch {
	case denied.Check == caps.CheckFrozen:
		return "refused: " + denied.Reason
	case denied.Check == caps.CheckApproval:
		return "refused: the call of " + tool + " " + denied.Reason
	}
	if denied.Check == caps.CheckActive {
		return fmt.Sprintf("refused: %s holds no capability for tool %s", who, tool)
	}
	return fmt.Sprintf("refused: %s may not call tool %s: %v", who, tool, denied)
}
