// Package store keeps what MYTHOS names by hash: byte strings, Merkle nodes,
// canonical objects and blobs, with refs and pins beside them (spec/merkle.md).
//
// A [Store] stands on two small backends: a [KV] with atomic, durable
// compare-and-set updates, and [Chunks]. Hashes are checked here, once, on every
// read; a backend may be anything. Keys of the KV:
//
//	b/<cid>          the BlobRef of a blob
//	n/<cid>          a Merkle node, or one of a tree of files
//	o/<id>           an object: kind, zero byte, canonical bytes
//	k/<kind>/<id>    index of objects by kind, with a copy of those of at most 1 KiB
//	r/<name>         a ref: the 32 digest bytes of what it names
//	p/<cid>          a pin: the canonical Pin
//	c/<hash>         a byte string of at most SmallChunk bytes
//	i/<hash>         where a small byte string lies in a pack (package layout)
//	y/<key>          what a collection took away, for a while (package gc)
//	g/...            marks of garbage collections (package layout)
//
// A blob is visible when its reference is. The reference is written, in one
// durable update with the blob's nodes and its small chunks, after its large
// chunks are durable; so a cid that a put has returned stands for bytes that a
// crash cannot take away, and a reader never meets half a blob.
//
// Blobs may be compressed and encrypted (package codec): hashes, chunks and cid are of the
// bytes that are stored.
package store

import (
	"errors"
	"fmt"

	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/store/codec"
	"github.com/mythos-project/mythos/store/kv"
	"github.com/mythos-project/mythos/store/seekable"
)

// What callers decide on.
var (
	ErrNotFound   = errors.New("not found")
	ErrCorrupt    = kv.ErrCorrupt
	ErrAmbiguous  = errors.New("prefix is ambiguous")
	ErrChanged    = errors.New("was changed by somebody else")
	ErrConflict   = errors.New("the same stored bytes mean something else here")
	ErrChunkSize  = errors.New("chunk size is out of range")
	ErrTooLarge   = seekable.ErrTooLarge
	ErrRange      = codec.ErrRange
	ErrKey        = codec.ErrKey
	ErrReadOnly   = errors.New("read-only")
	ErrCollecting = errors.New("another garbage collection is running")
)

// ErrDamaged means that a backend has lost or damaged something of its own: the files of
// a database, not a byte string that can be put again. It wraps ErrCorrupt.
var ErrDamaged error = damaged{}

type damaged struct{}

func (damaged) Error() string { return "the database is damaged" }

// Unwrap gives ErrCorrupt.
func (damaged) Unwrap() error { return ErrCorrupt }

// AmbiguousError lists what an abbreviated hash could mean. It wraps ErrAmbiguous.
type AmbiguousError struct {
	Prefix     string
	Candidates []object.Hash // ascending, at most MaxCandidates
}

// MaxCandidates is how many candidates an AmbiguousError lists.
const MaxCandidates = 8

func (e *AmbiguousError) Error() string {
	return fmt.Sprintf("%s: %v: it could be %s", e.Prefix, ErrAmbiguous, shorts(e.Candidates))
}

// Unwrap gives ErrAmbiguous.
func (e *AmbiguousError) Unwrap() error { return ErrAmbiguous }

func shorts(list []object.Hash) string {
	text := ""
	for i, h := range list {
		if i > 0 {
			text += ", "
		}
		text += h.Short()
	}
	return text
}
