// Package ledgercmd holds the commands over the ledger and its receipts.
package ledgercmd

import (
	"github.com/spf13/cobra"

	"github.com/mythos-project/mythos/internal/cli/cmdutil"
)

// NewLedger is `mythos ledger`.
func NewLedger(f *cmdutil.Factory) *cobra.Command {
	return f.Returns(cmdutil.Noun("ledger", "The record of effects: what happened, provably",
		newShow(f), newLog(f), newVerify(f), newCheckpoint(f), newCosign(f), newNewEpoch(f), newResolve(f)), ledgerResults)
}
