package keycmd

import (
	"github.com/mythos-project/mythos/internal/cli/cmdutil"
	"github.com/mythos-project/mythos/object"
)

// keyLine is a signing key of this repository.
type keyLine struct {
	Name      string      `json:"name"`
	PublicKey string      `json:"public_key"` // 64 hex digits
	KeyID     object.Hash `json:"key_id"`
	Encrypted bool        `json:"encrypted"` // the file asks for a passphrase
}

// trustLine is somebody whom this repository trusts.
type trustLine struct {
	Name string   `json:"name"`
	Key  string   `json:"key"` // the public key, 64 hex digits
	For  []string `json:"for"` // the domains
}

var keyResults = cmdutil.Results{
	"gen":    cmdutil.Document(keyLine{}),
	"import": cmdutil.Document(keyLine{}),
	"ls":     cmdutil.JSONLines(keyLine{}),
	"export": cmdutil.Document(keyLine{}),
}

var trustResults = cmdutil.Results{
	"add": cmdutil.Nothing(),
	"ls":  cmdutil.JSONLines(trustLine{}),
	"rm":  cmdutil.Nothing(),
}
