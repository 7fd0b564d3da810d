// Package wire defines the messages between an executor and a ledger on another machine
// (spec/wire.md#a-ledger-elsewhere): the requests of those who make attempts, and the answers of the ledger, which
// judges them. All messages are canonical, and are sent as the signed requests of spec/wire.md#peers.
package wire

import "github.com/mythos-project/mythos/object"

// Ask asks for an effect: to register an attempt at it or, without a register, to be told
// when asking again may have another answer.
type Ask struct {
	ToolID   object.Hash `can:"1,tool_id"`
	Key      []byte      `can:"2,idempotency_key"`
	Request  []byte      `can:"3,request"`           // what the capability's constraints are checked against
	Register []byte      `can:"4,register,optional"` // canonical EffectRegister; absent in a request to wait
	Caps     [][]byte    `can:"5,caps"`              // more chains, in file form, besides the one in the header
	Retry    uint8       `can:"6,retry"`             // for an unknown outcome: 0 blocks, 1 may run again, 2 a probe is asked
	Again    bool        `can:"7,again"`             // an effect with a recorded failure may run again
	KeepOut  bool        `can:"8,keep_out"`          // another request under the key leaves no mark
	Since    *uint64     `can:"9,since"`             // entries of the caller's checkpoint; absent: no proof is wanted
	Price    uint64      `can:"10,price,omitzero"`   // the charge for a call in the caller's registration of the tool
}

// Verdicts of an Answer.
const (
	Invoke   uint8 = 1 // the register is recorded: the tool may be invoked
	Replay   uint8 = 2 // the effect has an outcome
	Sign     uint8 = 3 // the register does not fit the history or the clock: sign one with this fence
	Refused  uint8 = 4 // see the refusal
	Recorded uint8 = 5 // what was sent is recorded
	Changed  uint8 = 6 // answer to a wait: ask again
)

// Answer is the answer to an Ask, a Record and a Renewal.
type Answer struct {
	Verdict uint8        `can:"1,verdict"`          // 1 invoke, 2 replay, 3 sign, 4 refused, 5 recorded, 6 changed
	Now     object.Time  `can:"2,now"`              // the ledger's clock
	Fence   *uint64      `can:"3,fence"`            // for 3: the number that the register must have
	Ended   *uint64      `can:"4,ended"`            // for 3: the value that the register's field 11 must have
	Cap     *object.Hash `can:"5,cap"`              // for 1: the leaf of the charged chain
	Seq     *uint64      `can:"6,seq"`              // position in the log of the entry that the answer is about
	Outcome []byte       `can:"7,outcome,optional"` // for 2: canonical EffectOutcome
	Proof   *Proof       `can:"8,proof"`            // if one was asked for
	Refusal *Refusal     `can:"9,refusal"`          // for 4
	Price   uint64       `can:"10,price,omitzero"`  // for 1, and for a charge: what was charged besides the call
	Agreed  [][]byte     `can:"11,agreed,optional"` // for 1: the canonical ApprovalRequest that was spent, and its Approvals
}

// Reasons of a Refusal.
const (
	Busy          uint8 = 1
	Unknown       uint8 = 2
	Conflict      uint8 = 3
	Divergent     uint8 = 4
	Abandoned     uint8 = 5
	Unverifiable  uint8 = 6
	OtherAttempt  uint8 = 7
	NotResolvable uint8 = 8
	NotRegistered uint8 = 9
	Denied        uint8 = 10
	Quota         uint8 = 11
	NoResponse    uint8 = 12
)

// Refusal is why an effect may not run, or why something is not recorded.
type Refusal struct {
	Reason   uint8           `can:"1,reason"`
	Message  string          `can:"2,message"` // for people
	Owner    *object.AgentID `can:"3,owner"`   // of the attempt
	Since    *object.Time    `can:"4,since"`   // when the attempt was registered
	Until    *object.Time    `can:"5,until"`   // when the attempt's lease ends; for an approval: when the request for it expires
	Fence    *uint64         `can:"6,fence"`   // of the attempt
	How      uint8           `can:"7,how"`     // for 2: how the attempt ended; for 3: the reason of the mark
	Evidence []object.Hash   `can:"8,evidence"`
	Check    string          `can:"9,check"`     // for 10 and 11: the check that failed
	Cap      *object.Hash    `can:"10,cap"`      // for 10 and 11: the link at fault
	Link     uint8           `can:"11,link"`     // its position in the chain; 0 is the leaf
	Help     string          `can:"12,help"`     // what would help; may be empty
	Approval *object.Hash    `can:"13,approval"` // for 10: the pending request for approval
}

// Record is the result of an attempt: a receipt, with the entry that ends the attempt.
type Record struct {
	Receipt    []byte  `can:"1,receipt"`             // canonical Receipt
	Commit     []byte  `can:"2,commit,optional"`     // canonical EffectCommit
	Resolution []byte  `can:"3,resolution,optional"` // canonical Resolution by the attempt's owner
	Response   []byte  `can:"4,response"`            // the tool's response
	About      *uint64 `can:"5,about"`               // for a commit: only this attempt may be ended
	Since      *uint64 `can:"6,since"`               // as in GateAsk
}

// Probed is the finding of a probe about an attempt with an unknown outcome.
type Probed struct {
	Ask     Ask     `can:"1,ask"`     // about the effect in doubt, without a register
	About   uint64  `can:"2,about"`   // the attempt
	Receipt []byte  `can:"3,receipt"` // canonical Receipt of the probe, which the ledger has stored
	Answer  []byte  `can:"4,answer"`  // the probe's answer
	Record  *Record `can:"5,record"`  // receipt and commit of an effect that happened; absent: it did not happen
}

// Renewal extends the lease of an attempt.
type Renewal struct {
	Fence   uint64 `can:"1,fence"`
	LeaseUs uint64 `can:"2,lease_us"` // from now on, by the ledger's clock
}

// Prove asks for proofs.
type Prove struct {
	Since uint64   `can:"1,since"` // entries of the caller's checkpoint; 0: it has none
	Seqs  []uint64 `can:"2,seqs"`  // entries, at most 1024
}

// Proof shows that a log only grew, and what it contains.
type Proof struct {
	Checkpoint  []byte        `can:"1,checkpoint"`  // signed by the ledger's agent
	Consistency []object.Hash `can:"2,consistency"` // from the caller's checkpoint to this one
	Places      []Place       `can:"3,places"`      // in the order of the request
}

// Place is the inclusion proof of an entry.
type Place struct {
	Seq    uint64        `can:"1,seq"`
	Hashes []object.Hash `can:"2,hashes"` // sibling of the leaf first
}

// History is everything that a ledger has about an effect.
type History struct {
	Entries []Entry `can:"1,entries"` // the oldest first
}

// Entry is an entry of a log.
type Entry struct {
	Kind uint8  `can:"1,kind"` // the first byte of its leaf
	Raw  []byte `can:"2,raw"`  // its canonical bytes
	Seq  uint64 `can:"3,seq"`  // its position in the log
}

// Bounds of messages.
const (
	MaxBody  = 40 << 20 // bytes of a request or an answer
	MaxSeqs  = 1024     // entries in one Prove
	MaxChain = 8        // chains in one Ask, including that of the header
)

// Structs describes the structs of this package.
var Structs = []object.Struct{
	object.Define[Ask]("GateAsk", object.Rule{}),
	object.Define[Answer]("GateAnswer", object.Rule{}),
	object.Define[Refusal]("GateRefusal", object.Rule{}),
	object.Define[Record]("GateRecord", object.Rule{}),
	object.Define[Probed]("GateProbed", object.Rule{}),
	object.Define[Renewal]("GateRenewal", object.Rule{}),
	object.Define[Prove]("GateProve", object.Rule{}),
	object.Define[Proof]("GateProof", object.Rule{}),
	object.Define[Place]("GatePlace", object.Rule{}),
	object.Define[History]("GateHistory", object.Rule{}),
	object.Define[Entry]("GateEntry", object.Rule{}),
}
