package exec

import "github.com/mythos-project/mythos/object"

// The requests and responses of built-in effects on state, which their repository
// provides (spec/capabilities.md#effects).

// BlobPinRequest is the request of blob.pin; the response is empty. It needs
// blob.pin for the term. A blob that is pinned for longer stays so: nobody can
// shorten a pin by pinning.
type BlobPinRequest struct {
	CID   object.Hash `can:"1,cid"`
	TTLus uint64      `can:"2,ttl_us"` // 0: for ever
}

// BlobDeleteRequest is the request of blob.delete; the response is empty. It needs
// blob.delete. Pins of the blob go with it.
type BlobDeleteRequest struct {
	CID object.Hash `can:"1,cid"`
}

// CellEvent is one event of a cell.
type CellEvent struct {
	Type uint32 `can:"1,type"`
	Key  []byte `can:"2,key"` // what it is about; at most 1 KiB
	Data []byte `can:"3,data"`
}

// CellAppendRequest is the request of cell.append: 1 to 1024 events. It needs
// cell.write for their number and types. With a key it happens once.
type CellAppendRequest struct {
	CellID object.Hash `can:"1,cell_id"`
	Events []CellEvent `can:"2,events"`
	Expect *uint64     `can:"3,expect"` // events that the cell must have; absent: any number
}

// CellAppended is the response of cell.append. With status [StatusConflict] nothing was
// written, and First is how many events the cell had.
type CellAppended struct {
	First uint64 `can:"1,first"` // number of the first event; the first of a cell is 0
	Count uint64 `can:"2,count"`
}

// CellSnapshotRequest is the request of cell.snapshot. It needs cell.read for the prefix.
type CellSnapshotRequest struct {
	CellID    object.Hash `can:"1,cell_id"`
	KeyPrefix []byte      `can:"2,key_prefix,optional"` // absent: all keys
	At        *uint64     `can:"3,at"`                  // the state after this many events; absent: after all
	After     []byte      `can:"4,after,optional"`      // only keys that come after this one; absent: from the first
}

// CellSnapshot is the response of cell.snapshot: of each key the newest event, ascending
// by key.
type CellSnapshot struct {
	At      uint64      `can:"1,at"` // events that the state is made of
	Events  []CellEvent `can:"2,events"`
	Numbers []uint64    `can:"3,numbers"`       // of the events
	Next    []byte      `can:"4,next,optional"` // the last key, after which to go on; absent at the end
}

// CellPolicyRequest is the request of cell.policy: when snapshots of a cell are kept. It
// needs cell.write for one event, of any type. The response is empty.
type CellPolicyRequest struct {
	CellID object.Hash `can:"1,cell_id"`
	Every  uint64      `can:"2,every"` // events after which the next one is kept; 0: none is kept
}

// CellReadRequest is the request of cell.read. It needs cell.read for the prefix.
type CellReadRequest struct {
	CellID    object.Hash `can:"1,cell_id"`
	KeyPrefix []byte      `can:"2,key_prefix,optional"` // absent: all keys
	From      uint64      `can:"3,from"`                // first number looked at
}

// CellEvents is the response of cell.read: the events whose keys have the prefix,
// ascending by number.
type CellEvents struct {
	Events  []CellEvent `can:"1,events"`
	Numbers []uint64    `can:"2,numbers"` // of the events
	Next    *uint64     `can:"3,next"`    // where to go on; absent at the end of the cell
}

// SpawnRequest is the request of compute.spawn: tasks of one stored bundle, each run
// by a worker of its own. It needs compute.spawn for the pool, the number of
// workers, and their budgets: those of the tasks added together must not exceed
// what is asked for. Workers act under the capabilities that are active where they
// are spawned, and no others.
type SpawnRequest struct {
	PoolID object.Hash   `can:"1,pool_id"` // SHA-256("pool:local") is the executor itself
	Bundle object.Hash   `can:"2,bundle"`  // cid of the blob with the bundle's bytes
	Tasks  []object.Hash `can:"3,tasks"`   // 1 to 256; a task may be named again
	CPUus  uint64        `can:"4,cpu_us"`  // of all tasks together
	IO     uint32        `can:"5,io"`      // of all tasks together
}

// Spawned is the response of compute.spawn, in the order of the tasks.
type Spawned struct {
	Results []object.Hash `can:"1,results"` // result hash of each
	Halted  []bool        `can:"2,halted"`  // whether it ended with an error object
	CPUus   uint64        `can:"3,cpu_us"`  // spent by all
}
