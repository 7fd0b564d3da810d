// Package gc frees what nothing in a store reaches: chunks and Merkle nodes ([Run]). What it
// takes away can lie in the trash for a while ([RestoreTrash]).
//
// It promises that nothing goes that a blob, a pin, a ref or a root reaches, or that a put
// which runs at the same time, in any process, is about to refer to. Both sides agree by the
// marks of package layout. A collection that cannot see everything takes nothing.
package gc
