package node

import (
	"github.com/mythos-project/mythos/internal/pins"
	"github.com/mythos-project/mythos/internal/recording"
	"github.com/mythos-project/mythos/internal/spawn"
)

// builtins registers the built-in effects.
func (n *Node) builtins() {
	n.Datasets.Register()
	n.Learn.Register()
	n.Codebooks.Register()
	n.Indexes.Register()
	(&pins.Pins{ID: n.Identity, Gate: n.Gate, Store: n.Store}).Register()
	n.Cells.Register(n.Gate)
	(&spawn.Spawner{Gate: n.Gate, Store: n.Store, Caller: n.Caller}).Register()
	n.Gate.Builtin("once", (&recording.Runner{Programs: n.programs, Tools: n.Tools, Blobs: n.Store}).Builtin())
}
