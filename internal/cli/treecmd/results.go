package treecmd

import "github.com/mythos-project/mythos/internal/cli/cmdutil"

var results = cmdutil.Results{
	"put":    cmdutil.Document(putLine{}),
	"get":    cmdutil.Bytes(),
	"ls":     cmdutil.JSONLines(entryLine{}),
	"diff":   cmdutil.JSONLines(changeLine{}),
	"prove":  cmdutil.Bytes(),
	"verify": cmdutil.Document(entryLine{}),
}
