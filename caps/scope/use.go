package scope

import (
	"math"
	"time"

	"github.com/mythos-project/mythos/object"
)

// Use is one use of authority: the action about to happen. Only the fields of its kind count. Where a zero could mean
// "forgotten", it asks for the most.
type Use struct {
	Kind uint8 // KindBlobRead to KindCellWrite; a tools.call scope allows uses of KindToolCall

	// blob.read, blob.pin, blob.delete
	CID    object.Hash
	Offset uint64        // blob.read: first byte
	Length uint64        // blob.read: bytes; 0: to the end
	TTL    time.Duration // blob.pin; 0 or less: forever

	// blob.write
	Namespace string
	Size      uint64 // stored bytes
	Media     string

	// Tool.call: one call
	Tool    object.Hash
	Request []byte // constraints are checked against it
	Price   uint64 // the charge, in the smallest unit; 0: nothing

	// train.run
	Recipe object.Hash
	Jobs   uint64 // 0 counts as 1
	Tokens uint64
	GPUms  uint64 // milliseconds

	// eval.run
	Suite object.Hash
	Runs  uint64 // 0 counts as 1

	// deploy.promote
	Ring   uint8
	Policy object.Hash

	// compute.spawn
	Pool    object.Hash
	Workers uint64 // 0 counts as 1
	CPUus   uint64 // microseconds
	IO      uint64 // operations

	// Cell.read, cell.write
	Cell       object.Hash
	Key        []byte   // cell.read: the key, or the prefix of the keys
	Events     uint64   // cell.write: at least one, and one for each type
	EventTypes []uint32 // cell.write
}

// Cost is what the use is charged for: at most one amount of each resource.
func (u Use) Cost() []Amount {
	switch u.Kind {
	case KindBlobWrite:
		return []Amount{{Bytes, u.Size}}
	case KindToolCall:
		return []Amount{{Calls, 1}, {Cost, u.Price}}
	case KindTrainRun:
		return []Amount{{Jobs, max(1, u.Jobs)}, {Tokens, u.Tokens}, {GPUms, u.GPUms}}
	case KindEvalRun:
		return []Amount{{Runs, max(1, u.Runs)}}
	case KindComputeSpawn:
		return []Amount{{Workers, max(1, u.Workers)}, {CPUus, u.CPUus}, {IO, u.IO}}
	case KindCellWrite:
		return []Amount{{Events, max(1, u.Events, uint64(len(u.EventTypes)))}}
	}
	return nil
}

// ttlMicros rounds the term of a pin up to the microsecond.
func (u *Use) ttlMicros() uint64 {
	if u.TTL <= 0 {
		return math.MaxUint64
	}
	return (uint64(u.TTL) + 999) / 1000
}
