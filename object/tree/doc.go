// Package tree makes, reads, proves and compares trees: folders under one id (spec/trees.md).
//
// A [Tree] names a MerkleList of the hashes of its entries, which ascend by name. An [Entry] names a file by its cid, a
// folder by the id of its Tree, and holds the target of a link. Trees and entries are nodes: with a reader of nodes one
// can read all of a folder but the bytes of its files. A tree holds no times, no owners and no trace of the order in
// which files were found, so that the same folder has the same id everywhere.
//
// Package merkle implements the lists. This package does no I/O of its own, either: it reads through
// [merkle.NodeReader] and writes through [merkle.NodeWriter].
package tree
