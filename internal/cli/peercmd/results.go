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

// trainedCodebook is a codebook with what it saves, in bytes of payload.
type trainedCodebook struct {
	Codebook object.Hash `json:"codebook"`
	Samples  int         `json:"samples"`  // given
	Measured int         `json:"measured"` // that took no part in the training
	Plain    int         `json:"plain"`    // of those measured: not compressed
	Baseline int         `json:"baseline"` // compressed with the baseline
	Trained  int         `json:"trained"`  // compressed with the codebook
	Saved    float64     `json:"saved_percent"`
}

// agreementLine is a codebook, and a proposal or an agreement about it.
type agreementLine struct {
	Codebook  object.Hash  `json:"codebook"`
	Agreement *object.Hash `json:"agreement,omitempty"`
	State     string       `json:"state"`          // not proposed, proposed, to accept, in force, expired
	With      string       `json:"with,omitempty"` // the other side's public key
	Expires   *object.Time `json:"expires_at,omitempty"`

	name string // of the other side, in trust.yaml
}

// codebookView is what a codebook holds.
type codebookView struct {
	Codebook   object.Hash     `json:"codebook"`
	Entries    int             `json:"entries"`
	Dictionary int             `json:"dictionary_bytes"`
	Agreements []agreementLine `json:"agreements"`
}

var (
	codebookResults = cmdutil.Results{"train": cmdutil.Document(trainedCodebook{}), "propose": cmdutil.Document(agreementLine{}),
		"accept": cmdutil.Document(agreementLine{}), "ls": cmdutil.JSONLines(agreementLine{}), "show": cmdutil.Document(codebookView{}), "rm": cmdutil.Nothing()}
	packetResults = cmdutil.Results{"pack": cmdutil.Bytes(), "unpack": cmdutil.Bytes(), "sign": cmdutil.Bytes(), "verify": cmdutil.Document(verdict{})}
	peerResults   = cmdutil.Results{"add": cmdutil.Nothing(), "ls": cmdutil.JSONLines(peerLine{}), "rm": cmdutil.Nothing()}
	serveResults  = cmdutil.Results{"": cmdutil.Nothing()}
	submitResults = cmdutil.Results{"": cmdutil.Document(submitted{})}
	pullResults   = cmdutil.Results{"": cmdutil.JSONLines(pulled{})}
)
