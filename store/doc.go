// Package store keeps what MYTHOS names by hash: byte strings, Merkle nodes,
// canonical objects and blobs, with refs and pins beside them (spec/merkle.md).
//
// A [Store] stands on two small backends: a [KV] with atomic, durable
// compare-and-set updates, and [Chunks]. Hashes are checked here, once, on every
// read; a backend may be anything. Keys of the KV:
//
//	b/<cid>          the BlobRef of a blob
//	n/<cid>          a Merkle node
//	o/<id>           an object: kind, zero byte, canonical bytes
//	k/<kind>/<id>    index of objects by kind
//	r/<name>         a ref: the 32 digest bytes of what it names
//	p/<cid>          a pin: the canonical Pin
//	c/<hash>         a chunk of at most SmallChunk bytes
package store

import "errors"

// What callers decide on.
var (
	ErrNotFound  = errors.New("not found")
	ErrCorrupt   = errors.New("stored bytes do not match their hash")
	ErrAmbiguous = errors.New("prefix is ambiguous")
	ErrChanged   = errors.New("was changed by somebody else")
	ErrChunkSize = errors.New("chunk size is out of range")
	ErrTooLarge  = errors.New("too large")
	ErrRange     = errors.New("range is beyond the end of the blob")
)
