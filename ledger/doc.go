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
//	l/i/<idem id>       the places of the entries of an effect's history
//	l/r/<receipt id>    the place of a receipt
//	l/u/<tool id>       a tool that effects with keys were registered for
//	l/b/<idem id>       until when the lease of an attempt was renewed, and its fence; not signed
//
// The log itself, with its segments, its tiles and its end, is package mlog's. A leaf of
// it is an entry: its kind byte and its canonical bytes.
//
// A history is appended to by replacing its index, which must be what was read; the
// entries, the indexes, the tiles and the new end of the log go into one durable
// update. Callers that append at the same time share one.
//
// Ours beside the papers: the register's fence (see [EffectRegister]), the
// [Resolution], the log with its checkpoints, and the [EvidenceBundle].
package ledger
