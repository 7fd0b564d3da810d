package layout

import (
	"bytes"
	"context"
	"encoding/binary"

	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/store/kv"
)

// Marks under g/ coordinate puts and garbage collections of all processes, for data in the KV and for byte strings that
// nothing refers to:
//
//	g/<hash>  absent          came with a blob, in one update with its reference
//	          empty      loose: put by itself, a referrer is expected
//	          'L' + time      loose, and seen unreachable at that time
//	          'D' + time      seen unreachable; about to be deleted
//	g/gc      while a collection runs
//
// A collection deletes a key only in an update that checks its mark. A writer of a key makes its mark empty in the same
// update while a collection runs. So either the collection sees that the mark has changed, or the writer writes the key
// after its deletion. If g/gc is absent, which the update checks, a writer need not look at single marks.
const Collecting = kv.Marks + "gc"

// The kinds of marks that a collection leaves.
const (
	Loose byte = 'L'
	Dead  byte = 'D'
)

// MarkKey is the key of h's mark.
func MarkKey(h object.Hash) string { return kv.Marks + h.String() }

// MarkOf is the key of the mark for a key of space "c/", "i/" or "n/".
func MarkOf(key string) string { return kv.Marks + key[2:] }

// NewMark is a collection's mark.
func NewMark(kind byte, t object.Time) []byte {
	return binary.BigEndian.AppendUint64([]byte{kind}, uint64(t))
}

// SeenLoose is the time at which a collection saw a loose thing unreachable.
func SeenLoose(mark []byte) (object.Time, bool) {
	if len(mark) != 9 || mark[0] != Loose {
		return 0, false
	}
	return object.Time(binary.BigEndian.Uint64(mark[1:])), true
}

// Guard adds to an update whatever keeps collections from deleting the keys in c/, i/ and n/ that the update puts,
// given their present marks.
func Guard(ctx context.Context, db kv.KV, check, put map[string][]byte) error {
	var keys []string
	for key, value := range put {
		if value != nil && (key[:2] == kv.Bytes || key[:2] == kv.Nodes || key[:2] == kv.Packed) {
			keys = append(keys, key)
		}
	}
	for _, key := range keys {
		mark, found, err := db.Get(ctx, MarkOf(key))
		if err != nil {
			return err
		}
		if !found {
			check[MarkOf(key)] = nil
			continue
		}
		check[MarkOf(key)] = mark
		if !bytes.Equal(mark, []byte{}) {
			put[MarkOf(key)] = []byte{}
		}
	}
	return nil
}
