// Package kvledger is a ledger in a key-value store. A [Ledger] registers and commits effects and signs as one agent.
// The state machine of package ledger decides.
//
// It promises three things. An entry is durable when the call that makes it returns. When several callers append to one
// history at the same time, one succeeds and the others decide again. [Ledger.Verify] finds every later change. Keys:
//
//	l/i/<idem id>       the places of the entries of an effect's history
//	l/r/<receipt id>    the place of a receipt
//	l/u/<tool id>       a tool that effects with keys were registered for
//	l/c/...             checkpoints that were published (package epoch)
//	l/b/<idem id>       until when the lease of an attempt was renewed, and its fence; not signed
//
// Package mlog stores the log itself: its segments, its tiles and its end.
//
// Appending to a history replaces its index, which must be unchanged since it was read. The entries, the indexes, the
// tiles and the new end of the log are one durable update. Callers that append at the same time share an update.
package kvledger
