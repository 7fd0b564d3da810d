package model

import (
	"time"

	"github.com/mythos-project/mythos/object"
)

// Trust says whom this repository trusts for what, and when. A nil function trusts
// nobody.
type Trust struct {
	Receipt TrustedAt // to execute and to sign receipts
	Attest  TrustedAt // to object: their adverse verdicts count under every policy
	Policy  TrustedAt // to sign policies
}

// TrustedAt says whether an agent was trusted when it signed something.
type TrustedAt func(agent object.AgentID, at When) bool

// When is when something was signed, as its signer says, and which receipt, if any, has
// its place in the ledger: its own, or that of the decision that it stands for.
type When struct {
	Time    object.Time
	Receipt object.Hash // zero: none
}

// Trusts asks fn whether an agent counted then; nil trusts nobody.
func Trusts(fn TrustedAt, a object.AgentID, at When) bool { return fn != nil && fn(a, at) }

// MaxSkew is by how much an attestation's time may be ahead of ours.
const MaxSkew = 5 * time.Minute
