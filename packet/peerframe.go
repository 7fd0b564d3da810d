package packet

import "github.com/mythos-project/mythos/object"

// Frame is one piece of a tree that travels between peers (spec/wire.md#frames). It proves
// itself: its id is computed from its data.
type Frame struct {
	Kind string      `can:"1,kind"` // "node", "bytes", "blob", "proof", "ids", "end", or the name of a struct
	ID   object.Hash `can:"2,id"`
	Data []byte      `can:"3,data"`
}
