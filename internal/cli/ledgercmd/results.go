package ledgercmd

import (
	"github.com/mythos-project/mythos/internal/cli/cmdutil"
	"github.com/mythos-project/mythos/ledger"
	"github.com/mythos-project/mythos/object"
)

// verdict is what `receipt verify` finds: two verdicts apart.
type verdict struct {
	OK      bool         `json:"ok"`
	Intact  bool         `json:"intact"`            // the bytes are what was signed
	Trusted bool         `json:"trusted"`           // the caller trusts all who signed
	Line    int          `json:"line,omitempty"`    // of a file of many, from 1
	Receipt *object.Hash `json:"receipt,omitempty"` // absent where not even that is known
	Status  uint16       `json:"status,omitempty"`
	Signers []signer     `json:"signers"`
	LogSize *uint64      `json:"log_size,omitempty"` // entries that the checkpoint covers
	Error   string       `json:"error,omitempty"`    // why it is not intact
}

// tally sums up what `receipt verify` found of a file of many: the last line.
type tally struct {
	OK       bool         `json:"ok"`
	Receipts int          `json:"receipts"`
	Good     int          `json:"intact_and_trusted"`
	Distrust int          `json:"intact_not_trusted"`
	Broken   int          `json:"not_intact"`
	First    *object.Time `json:"first,omitempty"` // the earliest time of an intact receipt
	Last     *object.Time `json:"last,omitempty"`
}

// signer is somebody who signed some of it.
type signer struct {
	What    string `json:"what"` // signer (of the receipt), log or envelope
	Key     string `json:"key"`  // public key, hex
	Trusted bool   `json:"trusted"`
	Under   string `json:"under,omitempty"` // under what, where it is not trusted for what is signed now

	agent object.AgentID
}

// checkpointView is a checkpoint, or a request to a witness, with what it says.
type checkpointView struct {
	Origin string `json:"origin"`
	Size   uint64 `json:"size"` // entries
	Root   string `json:"root"` // of the log, hex
	Text   string `json:"text"` // signed: what is published
}

var ledgerResults = cmdutil.Results{
	"show":       cmdutil.Document(stateView{}),
	"log":        cmdutil.JSONLines(entryView{}),
	"verify":     cmdutil.Document(ledger.Report{}),
	"checkpoint": cmdutil.Document(checkpointView{}),
	"cosign":     cmdutil.Bytes(),
	"resolve":    cmdutil.Nothing(),
}

var receiptResults = cmdutil.Results{
	"ls":     cmdutil.JSONLines(receiptRow{}),
	"show":   cmdutil.Document(ledger.Receipt{}),
	"verify": cmdutil.JSONLines(verdict{}, tally{}),
	"export": cmdutil.Bytes(),
}
