package vm

import (
	"github.com/mythos-project/mythos/exec/ir"
	"github.com/mythos-project/mythos/object"
)

// Trace records a run as deterministic bytes (spec/evidence.md#traces): two executors that get the same responses give
// the same trace. It contains no payloads, times, signers or receipt ids, and not whether an effect was invoked or
// replayed; the TraceRef names the receipts beside it.
type Trace struct {
	BundleID   object.Hash  `can:"1,bundle_id"`
	TaskID     object.Hash  `can:"2,task_id"`
	Events     []TraceEvent `can:"3,events"`
	ResultHash object.Hash  `can:"4,result_hash"`
	Spent      ir.Budget    `can:"5,spent"`
}

// Kinds of a TraceEvent.
const (
	EventEffect       uint8 = 1
	EventBlobPut      uint8 = 2
	EventBlobGet      uint8 = 3
	EventBlobChunkGet uint8 = 4
	EventAssert       uint8 = 5
	EventHalt         uint8 = 6 // the last event of a halted task
)

// TraceEvent is one event of a trace.
type TraceEvent struct {
	Op       uint32       `can:"1,op"`            // index of the op
	Kind     uint8        `can:"2,kind"`          // 1 effect, 2 blob put, 3 blob get, 4 blob chunk get, 5 assert, 6 halt
	Subject  object.Hash  `can:"3,subject"`       // the tool, the contract, or for a halt the error object
	Request  *object.Hash `can:"4,request_hash"`  // of an effect
	Response *object.Hash `can:"5,response_hash"` // of an admitted effect
	Status   uint16       `can:"6,status"`        // of the effect; for an assert or a halt its code
	CPUus    uint64       `can:"7,cpu_us"`        // spent so far
}

// Recorded is one effect of a run in the run's record.
type Recorded struct {
	Tool         object.Hash  `can:"1,tool_id"`
	RequestHash  object.Hash  `can:"2,request_hash"`
	ResponseHash *object.Hash `can:"3,response_hash"` // absent if it was refused
	Status       uint16       `can:"4,status"`
	Tokens       uint64       `can:"5,tokens,omitzero"`
	ReceiptID    *object.Hash `can:"6,receipt_id"` // absent if only the ledger refused it, or if a blob came with the run
	Halt         uint16       `can:"7,halt,omitzero"`
	Replayed     bool         `can:"8,replayed,omitzero"`
}

// Brought reports whether the effect read a blob that came with the run.
func (r Recorded) Brought() bool { return r.Halt == 0 && r.ReceiptID == nil }

// Fresh reports whether the effect happened, or was refused, in this run.
func (r Recorded) Fresh() bool { return !r.Replayed && !r.Brought() }

// Structs describes the structs of this package.
var Structs = []object.Struct{
	object.Define[Trace]("Trace", object.Rule{}),
	object.Define[TraceEvent]("TraceEvent", object.Rule{}),
	object.Define[Recorded]("RecordedEffect", object.Rule{}),
	object.Define[BlobPutRequest]("BlobPutRequest", object.Rule{}),
	object.Define[BlobGetRequest]("BlobGetRequest", object.Rule{}),
	object.Define[BlobChunkGetRequest]("BlobChunkGetRequest", object.Rule{}),
	object.Define[BlobPinRequest]("BlobPinRequest", object.Rule{}),
	object.Define[BlobDeleteRequest]("BlobDeleteRequest", object.Rule{}),
	object.Define[SpawnRequest]("SpawnRequest", object.Rule{}),
	object.Define[SpawnedTask]("SpawnedTask", object.Rule{}),
	object.Define[Spawned]("Spawned", object.Rule{}),
}

// happened adds an effect to the trace and to the record: its answer or its refusal.
func (m *machine) happened(kind uint8, e Effect, out Outcome, refused *Refusal) {
	event := TraceEvent{Op: uint32(m.top.pc), Kind: kind, Subject: e.Tool, CPUus: m.meter.cpu}
	requestHash := out.RequestHash
	if requestHash.IsZero() { // it was not admitted
		requestHash = object.Sum(e.Request)
	}
	event.Request = &requestHash
	rec := Recorded{Tool: e.Tool, RequestHash: requestHash, Status: out.Status, Tokens: out.Tokens, Replayed: out.Replayed}
	if refused != nil {
		rec.Halt, rec.Status, rec.ReceiptID = uint16(refused.Code), refused.Status, refused.ReceiptID
	} else {
		responseHash := out.ResponseHash
		event.Response, rec.ResponseHash = &responseHash, &responseHash
		if id := out.ReceiptID; !id.IsZero() {
			rec.ReceiptID = &id
		}
	}
	event.Status = rec.Status
	m.trace, m.log = append(m.trace, event), append(m.log, rec)
}
