package objectcmd

import (
	"github.com/mythos-project/mythos/internal/cli/cmdutil"
	"github.com/mythos-project/mythos/internal/lookup"
)

// What the commands write.
var objectResults = cmdutil.Results{
	"put": cmdutil.JSONLines(hashLine{}),
	"get": cmdutil.Bytes(),
}

var refResults = cmdutil.Results{"ls": cmdutil.JSONLines(lookup.Named{}), "set": cmdutil.Document(lookup.Named{}), "rm": cmdutil.Nothing()}

var (
	encodeResults = cmdutil.Results{"": cmdutil.Bytes()}
	decodeResults = cmdutil.Results{"": cmdutil.Document(cmdutil.Any{})}
	hashResults   = cmdutil.Results{"": cmdutil.JSONLines(hashLine{})}
	showResults   = cmdutil.Results{"": cmdutil.Document(explained{})}
	verifyResults = cmdutil.Results{"": cmdutil.Document(cmdutil.OK{})}
)
