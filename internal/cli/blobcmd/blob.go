// Package blobcmd holds the commands over blobs.
package blobcmd

import (
	"github.com/spf13/cobra"

	"github.com/mythos-project/mythos/internal/cli/cmdutil"
)

// New is `mythos blob`.
func New(f *cmdutil.Factory) *cobra.Command {
	return f.Returns(cmdutil.Noun("blob", "Keep large things: chunked, Merkle-proven, verified on every read",
		newPut(f), newGet(f), newProve(f), newVerify(f), newLs(f), newStat(f), newPin(f), newUnpin(f), newRm(f)), results)
}
