package peercmd

import (
	"github.com/mythos-project/mythos/internal/cli/cmdutil"
	"github.com/mythos-project/mythos/object"
)

// verdict is the result of `packet verify`.
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
	By       string       `json:"by"`               // public key of the answer's signer
}

// pulled is an object that was fetched with everything below it.
type pulled struct {
	Root  object.Hash `json:"root"`
	Parts int         `json:"parts"`
	Bytes int64       `json:"bytes"`
}

// pushed is an object that was sent with everything below it.
type pushed struct {
	Root  object.Hash `json:"root"`
	Parts int         `json:"parts"`
	Bytes int64       `json:"bytes"`
	Ref   string      `json:"ref"` // the peer's ref for it
}

// sentLine is a task submitted to a peer.
type sentLine struct {
	Task object.Hash `json:"task"`
	Peer string      `json:"peer"`
	At   object.Time `json:"at"`
}

// taskLine is the progress of a task.
type taskLine struct {
	Task      object.Hash `json:"task"`
	State     string      `json:"state"` // queued, running, done, failed or cancelled
	Submitted object.Time `json:"submitted"`
	Error     string      `json:"error,omitempty"` // why it failed
}

// cancelLine is a task that was cancelled.
type cancelLine struct {
	Task     object.Hash `json:"task"`
	State    string      `json:"state"`    // cancelled
	Receipts int         `json:"receipts"` // of effects that had happened; 0 if the server has not reported yet
	By       string      `json:"by"`       // public key of the reporting agent
}

// peerLine is a remembered peer.
type peerLine struct {
	Name string `json:"name"`
	URL  string `json:"url"`
	Key  string `json:"key,omitempty"` // the expected key of the server
}

// trainedCodebook is a codebook and its saving, in bytes of payload.
type trainedCodebook struct {
	Codebook object.Hash `json:"codebook"`
	Samples  int         `json:"samples"`  // given
	Measured uint64      `json:"measured"` // that took no part in the training
	Plain    uint64      `json:"plain"`    // of those measured: not compressed
	Baseline uint64      `json:"baseline"` // compressed with the baseline
	Trained  uint64      `json:"trained"`  // compressed with the codebook
	Saved    float64     `json:"saved_percent"`
}

// agreementLine is a codebook, with a proposal or an agreement about it.
type agreementLine struct {
	Codebook  object.Hash  `json:"codebook"`
	Agreement *object.Hash `json:"agreement,omitempty"`
	State     string       `json:"state"`          // not proposed, proposed, to accept, in force, expired
	With      string       `json:"with,omitempty"` // the other side's public key
	Expires   *object.Time `json:"expires_at,omitempty"`

	name string // of the other side, from trust.yaml
}

// codebookView is the content of a codebook.
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
	submitResults = cmdutil.Results{"": cmdutil.Document(submitted{}, taskLine{})}
	pullResults   = cmdutil.Results{"": cmdutil.JSONLines(pulled{})}
	pushResults   = cmdutil.Results{"": cmdutil.JSONLines(pushed{})}
	fetchResults  = cmdutil.Results{"": cmdutil.Bytes()}
	taskResults   = cmdutil.Results{"ls": cmdutil.JSONLines(sentLine{}), "status": cmdutil.Document(taskLine{}), "result": cmdutil.Document(submitted{}), "cancel": cmdutil.Document(cancelLine{})}
)
