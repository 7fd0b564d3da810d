// Package remote is the ledger of an executor whose effects are recorded on another machine
// (spec/wire.md#a-ledger-elsewhere). Entries are built and signed here, the tool runs here, and the ledger there
// judges, charges and records.
//
// No answer is trusted without proof: an entry counts as recorded when its inclusion is proven under a checkpoint that
// extends the last one seen (pins). A request whose answer is lost is sent again with the same bytes, and gets the same
// answer. What cannot be delivered is stored and delivered later.
//
// Effects that change only this repository, which are those of built-in tools, are recorded here.
package remote
