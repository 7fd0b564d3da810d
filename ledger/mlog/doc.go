// Package mlog is the append-only Merkle log (RFC 6962) that a ledger writes its entries
// to. It knows nothing of what a leaf says.
//
// It promises three things of [Log.Append]. Leaves, the indexes that name their places,
// and what their riders write are one durable update, or nothing is. An index is changed
// only if it still is what the caller read. Who appends at the same time shares an update.
//
// What it keeps, under the keys of [github.com/mythos-project/mythos/store/kv]:
//
//	l/e/<seq>        a segment: leaves from seq on, each with its length
//	l/t/<level>/<n>  a tile: hashes of the log, of every eighth level, without the lowest
//	l/n              the end of the log: the number of leaves, and what their hashes are
//	l/w/<key id>     the last checkpoint of another agent's log that a [Witness] cosigned
//
// A [Checkpoint] is a signed statement of a log's size and root. Under it, proofs show
// without the log that a leaf is in it ([CheckInclusion]) and that it goes on from an older
// one ([CheckConsistency]); a [Witness] cosigns what goes on from what it has cosigned
// before. Checkpoints, proofs and cosignatures have the formats of C2SP.
//
// The indexes are the caller's. An index is a list of places, and a [Place] is the number
// of a leaf and its number in its segment.
package mlog
