// Package gc frees the chunks and Merkle nodes that nothing in a store reaches ([Run]). Deleted things can stay in the
// trash for a while ([RestoreTrash]).
//
// It promises to keep everything that a blob, a pin, a ref or a root reaches, or that a concurrent put of any process
// is about to refer to. Both sides coordinate through the marks of package layout. A collection that cannot see
// everything deletes nothing.
package gc
