// Package ledger defines the content of a ledger of effects and its meaning (spec/ledger.md): the entries, the state
// machine, and evidence for those who have no ledger. It stores nothing;
// [github.com/mythos-project/mythos/ledger/kvledger] does.
//
// An effect is registered before its tool is invoked, with a lease, and committed with its receipt afterwards. From
// then on the effect is replayed. A conflict marks the effect divergent, and it fails closed. Nothing is ever changed
// or deleted: the history of each effect only grows, and every entry is also a leaf of one append-only Merkle log (RFC
// 6962), which reveals a rewritten history. A leaf is an entry: its kind byte and its canonical bytes.
//
// The state machine is pure: [Fold] makes a [State] from a history, [Decide] says for an event whether an effect may
// run, must wait, or is replayed, and [Audit] repeats the decisions behind a recorded history. [VerifyEvidence] does
// all of that from a bundle alone.
//
// Additions to the papers: the register's fence (see [EffectRegister]), the [Resolution], the log with its checkpoints,
// and the [EvidenceBundle].
package ledger
