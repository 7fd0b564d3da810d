package toolcmd

import (
	"github.com/mythos-project/mythos/exec"
	"github.com/mythos-project/mythos/internal/cli/cmdutil"
)

// built is a new module.
type built struct {
	File string `json:"file"`
}

var results = cmdutil.Results{
	"add":        cmdutil.JSONLines(view{}),
	"ls":         cmdutil.JSONLines(view{}),
	"show":       cmdutil.Document(exec.Tool{}),
	"definition": cmdutil.Bytes(),
	"policy":     cmdutil.Document(view{}),
	"approve":    cmdutil.JSONLines(change{}),
	"rm":         cmdutil.Nothing(),
	"build":      cmdutil.Document(built{}),
}
