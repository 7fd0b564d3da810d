package objectcmd

import (
	"github.com/mythos-project/mythos/internal/cli/cmdutil"
)

// Outputs of the commands.
var objectResults = cmdutil.Results{
	"put": cmdutil.JSONLines(hashLine{}),
	"get": cmdutil.Bytes(),
}

var (
	encodeResults = cmdutil.Results{"": cmdutil.Bytes()}
	decodeResults = cmdutil.Results{"": cmdutil.Document(cmdutil.Any{})}
	hashResults   = cmdutil.Results{"": cmdutil.JSONLines(hashLine{})}
	showResults   = cmdutil.Results{"": cmdutil.Document(explained{})}
	verifyResults = cmdutil.Results{"": cmdutil.Document(cmdutil.OK{})}
)
