package gatecmd

import (
	"github.com/mythos-project/mythos/internal/cli/cmdutil"
	"github.com/mythos-project/mythos/object"
)

// held is what was frozen or thawed.
type held struct {
	Hold   object.Hash `json:"hold"`
	Frozen bool        `json:"frozen"`
	What   string      `json:"what"` // "everything", "tool NAME" or "agent NAME"
}

var holdResults = cmdutil.Results{"": cmdutil.Document(held{})}
