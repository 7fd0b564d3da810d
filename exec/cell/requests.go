package cell

import (
	"github.com/mythos-project/mythos/object"
)

// Structs describes the structs of this package.
var Structs = []object.Struct{
	object.Define[Event]("CellEvent", object.Rule{}),
	object.Define[AppendRequest]("CellAppendRequest", object.Rule{}),
	object.Define[Appended]("CellAppended", object.Rule{}),
	object.Define[ReadRequest]("CellReadRequest", object.Rule{}),
	object.Define[Events]("CellEvents", object.Rule{}),
	object.Define[SnapshotRequest]("CellSnapshotRequest", object.Rule{}),
	object.Define[State]("CellSnapshot", object.Rule{}),
	object.Define[PolicyRequest]("CellPolicyRequest", object.Rule{}),
}

// Event is one event of a cell.
type Event struct {
	Type uint32 `can:"1,type"`
	Key  []byte `can:"2,key"` // what it is about; at most 1 KiB
	Data []byte `can:"3,data"`
}

// AppendRequest is the request of cell.append: 1 to 1024 events. It needs
// cell.write for their number and types. With a key it happens once.
type AppendRequest struct {
	CellID object.Hash `can:"1,cell_id"`
	Events []Event     `can:"2,events"`
	Expect *uint64     `can:"3,expect"` // events that the cell must have; absent: any number
}

// Appended is the response of cell.append. With status [exec.StatusConflict] nothing was written, and First is the
// number of events that the cell had.
type Appended struct {
	First uint64 `can:"1,first"` // number of the first event; the first of a cell is 0
	Count uint64 `can:"2,count"`
}

// SnapshotRequest is the request of cell.snapshot. It needs cell.read for the prefix.
type SnapshotRequest struct {
	CellID    object.Hash `can:"1,cell_id"`
	KeyPrefix []byte      `can:"2,key_prefix,optional"` // absent: all keys
	At        *uint64     `can:"3,at"`                  // the state after this many events; absent: after all
	After     []byte      `can:"4,after,optional"`      // only keys after this one; absent: from the first
}

// State is the response of cell.snapshot: the newest event of each key, ascending by key.
type State struct {
	At      uint64   `can:"1,at"` // number of events in the state
	Events  []Event  `can:"2,events"`
	Numbers []uint64 `can:"3,numbers"`       // of the events
	Next    []byte   `can:"4,next,optional"` // the last key, after which to continue; absent at the end
}

// PolicyRequest is the request of cell.policy: when to take snapshots of a cell. It needs cell.write for one event, of
// any type. The response is empty.
type PolicyRequest struct {
	CellID object.Hash `can:"1,cell_id"`
	Every  uint64      `can:"2,every"` // events after which the next snapshot is taken; 0: never
}

// ReadRequest is the request of cell.read. It needs cell.read for the prefix.
type ReadRequest struct {
	CellID    object.Hash `can:"1,cell_id"`
	KeyPrefix []byte      `can:"2,key_prefix,optional"` // absent: all keys
	From      uint64      `can:"3,from"`                // first number to look at
}

// Events is the response of cell.read: the events whose keys have the prefix,
// ascending by number.
type Events struct {
	Events  []Event  `can:"1,events"`
	Numbers []uint64 `can:"2,numbers"` // of the events
	Next    *uint64  `can:"3,next"`    // where to continue; absent at the end of the cell
}
