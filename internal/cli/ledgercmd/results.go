package ledgercmd

import (
	"github.com/mythos-project/mythos/internal/cli/cmdutil"
	"github.com/mythos-project/mythos/ledger"
	"github.com/mythos-project/mythos/object"
)

// verdict is what `receipt verify` finds.
type verdict struct {
	OK      bool        `json:"ok"`
	Intact  bool        `json:"intact"`  // the bytes are what was signed
	Trusted bool        `json:"trusted"` // by somebody whom the caller trusts
	Receipt object.Hash `json:"receipt"`
}

var ledgerResults = cmdutil.Results{
	"show":       cmdutil.Document(stateView{}),
	"log":        cmdutil.JSONLines(entryView{}),
	"verify":     cmdutil.Document(ledger.Report{}),
	"checkpoint": cmdutil.Bytes(),
	"resolve":    cmdutil.Nothing(),
}

var receiptResults = cmdutil.Results{
	"ls":     cmdutil.JSONLines(ledger.Receipt{}),
	"show":   cmdutil.Document(ledger.Receipt{}),
	"verify": cmdutil.Document(verdict{}),
	"export": cmdutil.Bytes(),
}
