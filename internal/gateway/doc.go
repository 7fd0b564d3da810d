// Package gateway is the ledger as a service (spec/wire.md#a-ledger-elsewhere): agents on other machines register,
// commit and read effects here, under capabilities.
//
// The maker of an attempt builds and signs its entries. The state machine here judges their effect, and the update that
// records them charges for them. A repeated request gets the same answer: an entry's bytes distinguish it from every
// other. Nothing that another server of the repository or the next process would need is held only in memory.
package gateway
