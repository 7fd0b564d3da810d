package peercmd

import (
	"github.com/mythos-project/mythos/internal/cli/cmdutil"
	"github.com/mythos-project/mythos/object"
)

// verdict is what `packet verify` finds.
type verdict struct {
	OK      bool        `json:"ok"`
	Packet  object.Hash `json:"packet"`
	Signers []string    `json:"signers"` // public keys, 64 hex digits each
}

// submitted is a peer's verified answer.
type submitted struct {
	Packet   object.Hash  `json:"packet"`
	Bundle   object.Hash  `json:"bundle"`
	Task     object.Hash  `json:"task"`
	Result   object.Hash  `json:"result_hash"`
	Receipts int          `json:"receipts"` // how many
	Episode  *object.Hash `json:"episode,omitempty"`
	Halted   *string      `json:"halted,omitempty"` // why the task was halted
	By       string       `json:"by"`               // the public key that signed the answer
}

// pulled is an object that was fetched with everything below it.
type pulled struct {
	Root  object.Hash `json:"root"`
	Parts int         `json:"parts"`
	Bytes int64       `json:"bytes"`
}

// peerLine is a remembered peer.
type peerLine struct {
	Name string `json:"name"`
	URL  string `json:"url"`
}

var (
	packetResults = cmdutil.Results{"pack": cmdutil.Bytes(), "unpack": cmdutil.Bytes(), "verify": cmdutil.Document(verdict{})}
	peerResults   = cmdutil.Results{"add": cmdutil.Nothing(), "ls": cmdutil.JSONLines(peerLine{}), "rm": cmdutil.Nothing()}
	serveResults  = cmdutil.Results{"": cmdutil.Nothing()}
	submitResults = cmdutil.Results{"": cmdutil.Document(submitted{})}
	pullResults   = cmdutil.Results{"": cmdutil.JSONLines(pulled{})}
)
