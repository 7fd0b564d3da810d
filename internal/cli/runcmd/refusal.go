package runcmd

import (
	"errors"

	"github.com/mythos-project/mythos/caps"
	"github.com/mythos-project/mythos/internal/cli/clierr"
	"github.com/mythos-project/mythos/internal/cli/cmdutil"
	"github.com/mythos-project/mythos/internal/node"
)

// Refusal adds to a refused call what would allow it.
func Refusal(n *node.Node, err error, tool string) error {
	if errors.Is(err, caps.ErrDenied) { // a quota that is used up, too
		return clierr.New(clierr.Refused, "%w", err).With(cmdutil.AllowHint(n, err, tool))
	}
	return err
}
