// Package gateway is the ledger as a service (spec/wire.md#a-ledger-elsewhere): agents on other machines
// register, commit and read effects here, under capabilities.
//
// Who makes an attempt builds and signs its entries. What they change is judged here by the
// state machine, and charged here, in the update that records it. A request that comes twice
// is answered alike: an entry is itself what tells it from another. Nothing is held in memory
// that another server of the repository, or the next process, would need.
package gateway
