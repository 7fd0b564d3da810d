// Package tree makes, reads, proves and compares trees: folders under one id (spec/trees.md).
//
// A [Tree] names a MerkleList of the hashes of its entries, which ascend by name. An [Entry]
// names a file by its cid, a folder by the id of its Tree, and holds the target of a link.
// Trees and entries are nodes: whoever can read nodes by hash can read all of a folder but the
// bytes of its files. Neither clocks nor owners nor the order in which files were found are
// part of a tree, so that the same folder has the same id everywhere.
//
// Package merkle does the lists. This package is as pure: it reads through
// [merkle.NodeReader] and writes through [merkle.NodeWriter].
package tree
