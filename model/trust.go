package model

import (
	"time"

	"github.com/mythos-project/mythos/object"
)

// Trust says whom this repository trusts for what, and when. A nil function trusts nobody.
type Trust struct {
	Receipt TrustedAt // to execute and to sign receipts
	Attest  TrustedAt // to object: their negative attestations count under every policy
	Policy  TrustedAt // to sign policies
}

// TrustedAt says whether an agent was trusted when it signed something.
type TrustedAt func(agent object.AgentID, at When) bool

// When is the time of a signature according to its signer, and the receipt, if any, whose place in the ledger counts:
// its own, or that of the decision behind it.
type When struct {
	Time    object.Time
	Receipt object.Hash // zero: none
}

// Trusts calls fn; a nil fn trusts nobody.
func Trusts(fn TrustedAt, a object.AgentID, at When) bool { return fn != nil && fn(a, at) }

// MaxSkew is how far an attestation's time may be ahead of our clock.
const MaxSkew = 5 * time.Minute
