// Package ledger keeps the receipts of effects and decides, for each effect with
// an idempotency key, whether it may run, must wait, or is replayed
// (spec/ledger.md).
//
// An effect is registered before its tool is invoked, with a lease, and committed
// with its receipt afterwards. A committed effect is replayed from then on. What
// conflicts is marked divergent and fails closed. Nothing is ever changed or
// deleted: the history of each effect only grows, and every entry is also a leaf
// of one append-only Merkle log (RFC 6962), so that a rewritten history shows.
//
// The state machine is pure ([Decide]); a [Ledger] applies it over a key-value
// store, and [Audit] applies it to what is stored. Keys:
//
//	l/e/<seq>           an entry of the log: kind byte and canonical bytes
//	l/i/<idem id>/<n>   the seq of the n-th entry of an effect's history
//	l/r/<receipt id>    the seq of a receipt
//	l/t/<index>         a stored hash of the log (sumdb/tlog numbering)
//	l/u/<tool id>       a tool that effects with keys were registered for
//	l/u                 there once that list is whole
//	l/n                 the number of entries
//	l/w/<key id>        the last checkpoint of another agent's log that a [Witness] cosigned
//
// A history is appended to by claiming its next slot l/i/<idem id>/<n>, which must
// be absent; the entry, its slot, its hashes in the log and the log's new size go
// into one durable update. Callers that append at the same time share one.
//
// Ours beside the papers: the register's fence (see [EffectRegister]), the
// [Resolution], the log with its checkpoints, and the [EvidenceBundle].
package ledger
