// Package merkle builds, walks, proves and verifies the two trees of MYTHOS: the MerkleList over hashes and the chunk
// DAG over a blob (spec/merkle.md). It is pure: hashes in and nodes out, nodes in and hashes out. A store implements
// [NodeWriter] and [NodeReader].
//
// Both trees have a fanout of [Fanout]. Values are grouped from the left into leaves, leaves into internals, until one
// node is left; a lone child at the end of an upper level is promoted unchanged. Nodes carry no positions: the number
// of values determines the whole shape, and every read checks a node against the shape of its place, and so refuses an
// under-filled node, a wrong total or a node from elsewhere.
package merkle
