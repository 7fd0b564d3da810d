package cellcmd

import (
	"github.com/mythos-project/mythos/exec/cell"
	"github.com/mythos-project/mythos/internal/cli/cmdutil"
	"github.com/mythos-project/mythos/object"
)

// appended is where events were appended.
type appended struct {
	Cell     object.Hash `json:"cell_id"`
	First    uint64      `json:"first"` // number of the first of them
	Count    uint64      `json:"count"`
	Replayed bool        `json:"replayed"`
	Receipt  object.Hash `json:"receipt"`
}

// event is one event of a cell.
type event struct {
	Number uint64 `json:"number"`
	Type   uint32 `json:"type"`
	Key    string `json:"event_key"`      // bytes in hex
	Text   string `json:"text,omitempty"` // the key, if it is text
	Data   string `json:"data"`           // bytes in hex
}

var results = cmdutil.Results{
	"append": cmdutil.Document(appended{}),
	"read":   cmdutil.JSONLines(event{}),
	"replay": cmdutil.JSONLines(event{}),
	"policy": cmdutil.Nothing(),
	"ls":     cmdutil.JSONLines(cell.Info{}),
}
