package objectcmd

import (
	"encoding/json"

	"github.com/mythos-project/mythos/internal/cli/cmdutil"
)

// What the commands write.
var objectResults = cmdutil.Results{
	"put": cmdutil.JSONLines(hashLine{}),
	"get": cmdutil.Bytes(),
}

var (
	encodeResults = cmdutil.Results{"": cmdutil.Bytes()}
	decodeResults = cmdutil.Results{"": cmdutil.Document(cmdutil.Any{})}
	hashResults   = cmdutil.Results{"": cmdutil.JSONLines(hashLine{})}
	verifyResults = cmdutil.Results{"": cmdutil.Document(cmdutil.OK{})}
	showResults   = cmdutil.Results{"": cmdutil.Document(explained{})}
)

// explained is an object with what was found out about it.
type explained struct {
	Kind    string          `json:"kind"`    // the struct of the protocol that it is
	Verdict string          `json:"verdict"` // "verified", or what is wrong
	Object  json.RawMessage `json:"object"`  // its JSON view
}
