// Package store stores the things that MYTHOS names by hash: byte strings, Merkle nodes, canonical objects and blobs.
// It also stores refs and pins (spec/merkle.md).
//
// A [Store] uses two small backends: a [KV] with atomic, durable compare-and-set updates, and [Chunks]. The store
// checks every hash once on every read, so a backend need not be trusted. Keys of the KV:
//
//	b/<cid>          the BlobRef of a blob
//	n/<cid>          a Merkle node, or one of a tree of files
//	o/<id>           an object: kind, zero byte, canonical bytes
//	k/<kind>/<id>    index of objects by kind, with a copy of those of at most 1 KiB
//	r/<name>     a ref: the 32 digest bytes of its target
//	p/<cid>          a pin: the canonical Pin
//	c/<hash>         a byte string of at most SmallChunk bytes
//	i/<hash>     place of a small byte string in a pack (package layout)
//	y/<key>     trash: what a collection deleted recently (package gc)
//	g/...            marks of garbage collections (package layout)
//
// A blob is visible when its reference is. After the large chunks are durable, one durable update writes the reference
// together with the blob's nodes and small chunks. So the bytes behind a returned cid survive a crash, and a reader
// never sees half a blob.
//
// Blobs may be compressed and encrypted (package codec): hashes, chunks and cid are those of the stored bytes.
package store

import (
	"errors"
	"fmt"

	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/store/codec"
	"github.com/mythos-project/mythos/store/kv"
	"github.com/mythos-project/mythos/store/seekable"
)

// Errors that callers distinguish.
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
	ErrReadOnly   = kv.ErrReadOnly
	ErrCollecting = errors.New("another garbage collection is running")
)

// ErrDamaged means that a backend has lost or damaged data of its own, such as the files of a database. Putting a byte
// string again does not repair that. It wraps ErrCorrupt.
var ErrDamaged error = damaged{}

type damaged struct{}

func (damaged) Error() string { return "the database is damaged" }

// Unwrap gives ErrCorrupt.
func (damaged) Unwrap() error { return ErrCorrupt }

// AmbiguousError lists the possible meanings of an abbreviated hash. It wraps ErrAmbiguous.
type AmbiguousError struct {
	Prefix     string
	Candidates []object.Hash // ascending, at most MaxCandidates
}

// MaxCandidates is the largest number of candidates in an AmbiguousError.
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
