package ledgercmd

import (
	"github.com/mythos-project/mythos/internal/cli/cmdutil"
	"github.com/mythos-project/mythos/internal/evidence"
	"github.com/mythos-project/mythos/ledger"
	"github.com/mythos-project/mythos/ledger/kvledger"
	"github.com/mythos-project/mythos/object"
)

// tally is the summary of `receipt verify` over a file of many: the last line.
type tally struct {
	OK       bool         `json:"ok"`
	Receipts int          `json:"receipts"`
	Good     int          `json:"intact_and_trusted"`
	Distrust int          `json:"intact_not_trusted"`
	Broken   int          `json:"not_intact"`
	First    *object.Time `json:"first,omitempty"` // the earliest time of an intact receipt
	Last     *object.Time `json:"last,omitempty"`
}

// checkpointView is a checkpoint, or a request to a witness, with its content.
type checkpointView struct {
	Origin string `json:"origin"`
	Size   uint64 `json:"size"` // entries
	Root   string `json:"root"` // of the log, hex
	Text   string `json:"text"` // signed, for publishing
}

var ledgerResults = cmdutil.Results{
	"show":       cmdutil.Document(stateView{}),
	"log":        cmdutil.JSONLines(entryView{}),
	"verify":     cmdutil.Document(kvledger.Report{}),
	"checkpoint": cmdutil.Document(checkpointView{}),
	"cosign":     cmdutil.Bytes(),
	"new-epoch":  cmdutil.Document(epochView{}),
	"resolve":    cmdutil.Nothing(),
}

var receiptResults = cmdutil.Results{
	"ls":     cmdutil.JSONLines(receiptRow{}),
	"show":   cmdutil.Document(ledger.Receipt{}),
	"verify": cmdutil.JSONLines(evidence.Verdict{}, tally{}),
	"export": cmdutil.Bytes(),
}
