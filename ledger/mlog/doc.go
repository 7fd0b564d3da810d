// Package mlog is the append-only Merkle log (RFC 6962) of a ledger's entries. The content of a leaf is opaque to it.
//
// [Log.Append] promises three things. Leaves, the indexes with their places, and the riders' writes are one durable
// update: all or nothing. An index changes only if it still has the value that the caller read. Callers that append at
// the same time share an update.
//
// It uses these keys of [github.com/mythos-project/mythos/store/kv]:
//
//	l/e/<seq>        a segment: leaves from seq on, each with its length
//	l/t/<level>/<n> a tile: hashes of the log, for every eighth level except the lowest
//	l/n              the end of the log: the number of leaves, and what their hashes are
//	l/w/<key id>     the last checkpoint of another agent's log that a [Witness] cosigned
//
// A [Checkpoint] is a signed statement of a log's size and root. With it, proofs show without the log that a leaf is in
// the log ([CheckInclusion]) and that the log extends an older one ([CheckConsistency]). A [Witness] cosigns a
// checkpoint that extends the one it cosigned before. Checkpoints, proofs and cosignatures have the formats of C2SP.
//
// The caller defines the indexes. An index is a list of places, and a [Place] is the number of a leaf and its number in
// its segment.
package mlog
