package mcpcmd

import (
	"github.com/mythos-project/mythos/internal/cli/cmdutil"
	"github.com/mythos-project/mythos/object"
)

// pinned is a registered tool.
type pinned struct {
	Name       string      `json:"name"`
	ID         object.Hash `json:"tool_id"`
	Tool       string      `json:"mcp_tool"`
	Definition object.Hash `json:"definition"`
}

var results = cmdutil.Results{
	"add":    cmdutil.JSONLines(pinned{}),
	"wrap":   cmdutil.Bytes(),
	"serve":  cmdutil.Bytes(),
	"config": cmdutil.Bytes(),
}
