// Package remote is the ledger of a gate whose effects are recorded on another machine
// (spec/wire.md#a-ledger-elsewhere). Entries are built and signed here, the tool runs here, and the ledger there
// judges, charges and records.
//
// Nothing that it answers is believed without proof: an entry counts as recorded when its
// inclusion is proven under a checkpoint that goes on from the last one that was seen
// (package's pins). A request whose answer is lost is sent again with the same bytes, which
// the ledger answers alike. What cannot be delivered is kept and delivered later.
//
// Effects that change only this repository, those of built-in tools, are recorded here.
package remote
