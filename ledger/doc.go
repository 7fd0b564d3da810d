// Package ledger says what a ledger of effects holds and what follows from it
// (spec/ledger.md): the entries, the state machine, and evidence for those who have no
// ledger. It keeps nothing; [github.com/mythos-project/mythos/ledger/kvledger] does.
//
// An effect is registered before its tool is invoked, with a lease, and committed
// with its receipt afterwards. A committed effect is replayed from then on. What
// conflicts is marked divergent and fails closed. Nothing is ever changed or
// deleted: the history of each effect only grows, and every entry is also a leaf
// of one append-only Merkle log (RFC 6962), so that a rewritten history shows. A leaf
// is an entry: its kind byte and its canonical bytes.
//
// The state machine is pure: [Fold] makes a [State] of a history, [Decide] says for an
// event whether an effect may run, must wait, or is replayed, and [Audit] decides what
// is recorded again. [VerifyEvidence] does all of that with nothing but a bundle.
//
// Ours beside the papers: the register's fence (see [EffectRegister]), the
// [Resolution], the log with its checkpoints, and the [EvidenceBundle].
package ledger
