package capcmd

import (
	"github.com/mythos-project/mythos/caps"
	"github.com/mythos-project/mythos/internal/cli/cmdutil"
	"github.com/mythos-project/mythos/object"
)

// verdict is a valid chain.
type verdict struct {
	OK    bool `json:"ok"`
	Links int  `json:"links"` // of the chain
}

// policyLine is an issuance policy that was put into force.
type policyLine struct {
	ID       object.Hash `json:"policy_id"`
	Sequence uint64      `json:"sequence"`
	Rules    int         `json:"rules"`
}

// requested is a capability issued on request.
type requested struct {
	view
	Receipt object.Hash `json:"receipt"` // of the issuance, in the server's ledger
}

var results = cmdutil.Results{
	"issue":       cmdutil.JSONLines(view{}),
	"request":     cmdutil.Document(requested{}),
	"attenuate":   cmdutil.JSONLines(view{}),
	"show":        cmdutil.Document(shown{}),
	"ls":          cmdutil.JSONLines(standing{}),
	"verify":      cmdutil.Document(verdict{}),
	"revoke":      cmdutil.Nothing(),
	"revocations": cmdutil.JSONLines(listView{}),
	"export":      cmdutil.Bytes(),
	"bearer":      cmdutil.Document(bearerView{}),
	"import":      cmdutil.Document(view{}, listView{}),
}

var policyResults = cmdutil.Results{
	"set":    cmdutil.Document(policyLine{}),
	"show":   cmdutil.Document(caps.IssuancePolicy{}),
	"export": cmdutil.Bytes(),
	"import": cmdutil.Document(policyLine{}),
}
