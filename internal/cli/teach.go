package cli

import (
	"context"
	"errors"

	"github.com/mythos-project/mythos/caps"
	"github.com/mythos-project/mythos/exec"
	"github.com/mythos-project/mythos/internal/cli/clierr"
	"github.com/mythos-project/mythos/internal/cli/cmdutil"
)

// teach adds to an error that says nothing about it what to do next: to an effect that
// was refused the line that would allow it, to a capability that was denied what
// its check suggests.
func teach(ctx context.Context, f *cmdutil.Factory, e *clierr.Error) {
	if e.Hint != "" {
		return
	}
	var denied *caps.DeniedError
	if !errors.As(e, &denied) {
		return
	}
	e.Hint = denied.Help
	if e.Object == "" && !denied.Cap.IsZero() {
		e.Object = denied.Cap.String()
	}
	var refused *exec.RefusedError
	if !errors.As(e, &refused) {
		return
	}
	n, err := f.Node(ctx)
	if err != nil {
		return
	}
	if _, builtin := n.Gate.BuiltinName(refused.Tool); builtin && denied.Help != "" {
		return // blobs have scopes of their own, which the check knows best
	}
	e.Hint = "mythos cap issue --to " + n.Self().KeyHex() + " --scope tool.call:" + n.ToolName(ctx, refused.Tool) + ",calls=1 --ttl 1h"
	if e.Object == "" {
		e.Object = refused.ReceiptID.String()
	}
}
