package vm

import "github.com/mythos-project/mythos/object"

// The requests and responses of built-in effects on state, which their repository
// provides (spec/capabilities.md#effects).

// BlobPinRequest is the request of blob.pin; the response is empty. It needs blob.pin for the term. It never shortens
// an existing pin.
type BlobPinRequest struct {
	CID   object.Hash `can:"1,cid"`
	TTLus uint64      `can:"2,ttl_us"` // 0: for ever
}

// BlobDeleteRequest is the request of blob.delete; the response is empty. It needs blob.delete. It also removes the
// blob's pins.
type BlobDeleteRequest struct {
	CID object.Hash `can:"1,cid"`
}

// SpawnRequest is the request of compute.spawn: tasks of one stored bundle, each run by a worker of its own. It needs
// compute.spawn for the pool, the number of workers, and their budgets: the sum of the tasks' budgets must not exceed
// the requested one. Workers act only under the capabilities that are active where they are spawned.
type SpawnRequest struct {
	PoolID object.Hash   `can:"1,pool_id"` // SHA-256("pool:local") or SHA-256("pool:workers")
	Bundle object.Hash   `can:"2,bundle"`  // cid of the blob with the bundle's bytes
	Tasks  []object.Hash `can:"3,tasks"`   // 1 to 256; a task may be named repeatedly
	CPUus  uint64        `can:"4,cpu_us"`  // of all tasks together
	IO     uint32        `can:"5,io"`      // of all tasks together
}

// SpawnedTask is a task of a spawn in the pool `workers`, as an extension of the bundle of its packet
// (spec/capabilities.md#effects).
type SpawnedTask struct {
	Spawn   object.Hash `can:"1,spawn"`   // id of the spawn's effect; a random value if the effect has no key
	Number  uint16      `can:"2,number"`  // among the tasks of the spawn, from 0
	Try     uint16      `can:"3,try"`     // from 0
	Bundle  object.Hash `can:"4,bundle"`  // cid of the blob with the bundle's bytes
	Task    object.Hash `can:"5,task"`    // one of the bundle
	Depth   uint8       `can:"6,depth"`   // number of spawns around the task
	Capture *bool       `can:"7,capture"` // whether requests are stored; absent: as the process is set
}

// Spawned is the response of compute.spawn, in the order of the tasks.
type Spawned struct {
	Results []object.Hash `can:"1,results"` // result hash of each
	Halted  []bool        `can:"2,halted"`  // whether the task ended with an error object
	CPUus   uint64        `can:"3,cpu_us"`  // spent by all
}
