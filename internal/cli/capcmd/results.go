package capcmd

import (
	"github.com/mythos-project/mythos/internal/cli/cmdutil"
)

var results = cmdutil.Results{
	"issue":     cmdutil.Document(view{}),
	"attenuate": cmdutil.Document(view{}),
	"show":      cmdutil.Document([]view{}),
	"ls":        cmdutil.JSONLines(view{}),
	"verify":    cmdutil.Document(cmdutil.OK{}),
	"revoke":    cmdutil.Nothing(),
	"export":    cmdutil.Bytes(),
	"import":    cmdutil.Document(view{}),
}
