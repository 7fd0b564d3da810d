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
	Encrypted bool        `json:"encrypted"` // the file needs a passphrase
}

// trustLine is an agent that this repository trusts.
type trustLine struct {
	Name string   `json:"name"`
	Key  string   `json:"key"` // the public key, 64 hex digits
	For  []string `json:"for"` // the domains
	// The window of the trust, and the oldest revocation list that is accepted.
	From   *object.Time `json:"from,omitempty"`
	Until  *object.Time `json:"until,omitempty"`
	MaxAge string       `json:"max_age,omitempty"`
	Ended  *object.Time `json:"ended,omitempty"` // when the trust ended
}

// rotation is a replaced key.
type rotation struct {
	Name         string       `json:"name"`
	PublicKey    string       `json:"public_key"` // of the new key
	KeyID        object.Hash  `json:"key_id"`     // of the new key
	OldName      string       `json:"old_name"`
	OldPublicKey string       `json:"old_public_key"`
	OldUntil     *object.Time `json:"old_until,omitempty"` // trusted until then; absent: not trusted by name
}

var keyResults = cmdutil.Results{
	"gen":     cmdutil.Document(keyLine{}),
	"import":  cmdutil.Document(keyLine{}),
	"ls":      cmdutil.JSONLines(keyLine{}),
	"export":  cmdutil.Document(keyLine{}),
	"rotate":  cmdutil.Document(rotation{}),
	"protect": cmdutil.Nothing(),
}

// agentRevoked is a revoked agent.
type agentRevoked struct {
	Name     string        `json:"name,omitempty"`
	Key      string        `json:"key"`      // the public key, 64 hex digits
	Held     []object.Hash `json:"held"`     // capabilities that it held, revoked now
	Issued   []object.Hash `json:"issued"`   // capabilities that it issued, revoked now
	Standing []object.Hash `json:"standing"` // capabilities that it holds and only others can revoke
}

var agentResults = cmdutil.Results{
	"add":     cmdutil.JSONLines(agentLine{}),
	"ls":      cmdutil.JSONLines(agentLine{}),
	"token":   cmdutil.Document(agentTokenLine{}),
	"disable": cmdutil.Document(agentRevoked{}),
	"revoke":  cmdutil.Document(agentRevoked{}),
}

var trustResults = cmdutil.Results{
	"add": cmdutil.Nothing(),
	"ls":  cmdutil.JSONLines(trustLine{}),
	"rm":  cmdutil.Nothing(),
}
