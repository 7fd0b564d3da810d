package blobcmd

import (
	"github.com/mythos-project/mythos/internal/cli/cmdutil"
	"github.com/mythos-project/mythos/object"
)

var results = cmdutil.Results{
	"put":    cmdutil.JSONLines(putLine{}),
	"get":    cmdutil.Bytes(),
	"prove":  cmdutil.Bytes(),
	"verify": cmdutil.Document(cmdutil.OK{}),
	"ls":     cmdutil.JSONLines(entry{}),
	"stat":   cmdutil.Document(object.BlobRef{}),
	"pin":    cmdutil.Nothing(),
	"unpin":  cmdutil.Nothing(),
	"rm":     cmdutil.Nothing(),
}
