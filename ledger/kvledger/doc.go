// Package kvledger is a ledger in a key-value store. A [Ledger] registers and commits
// effects, signing as one agent, and lets package ledger's state machine decide.
//
// It promises that an entry is durable when the call that makes it returns, that of those
// who append to one history at the same time one succeeds and the others decide anew, and
// that [Ledger.Verify] finds whatever was changed afterwards. Keys:
//
//	l/i/<idem id>       the places of the entries of an effect's history
//	l/r/<receipt id>    the place of a receipt
//	l/u/<tool id>       a tool that effects with keys were registered for
//	l/b/<idem id>       until when the lease of an attempt was renewed, and its fence; not signed
//
// The log itself, with its segments, its tiles and its end, is package mlog's.
//
// A history is appended to by replacing its index, which must be what was read; the
// entries, the indexes, the tiles and the new end of the log go into one durable
// update. Callers that append at the same time share one.
package kvledger
