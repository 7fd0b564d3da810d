package store

import (
	"bytes"
	"context"
	"encoding/binary"

	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/store/kv"
)

// Marks under g/ are how puts and garbage collections, of any process, agree on
// what lies in the KV (and on byte strings that nothing refers to):
//
//	g/<hash>  absent          came with a blob, in one update with its reference
//	          empty           loose: put by itself, its referrer is expected
//	          'L' + time      loose, and seen unreachable at that time
//	          'D' + time      seen unreachable; about to be deleted
//	g/gc      while a collection runs
//
// A collection deletes a key only in an update that checks its mark. Anyone who
// writes a key while a collection runs makes its mark empty in the same update;
// so either the collection sees the mark change, or the writer writes the key
// after its deletion. Writers check that g/gc is absent, and only then need not
// look at single marks.
const collecting = kv.Marks + "gc"

const (
	markLoose byte = 'L'
	markDead  byte = 'D'
)

func looseKey(h object.Hash) string { return kv.Marks + h.String() }

// markOf is the mark of a key of space "c/", "i/" or "n/".
func markOf(key string) string { return kv.Marks + key[2:] }

// isLoose reports whether h is loose and not yet seen unreachable.
func (s *byteStore) isLoose(ctx context.Context, h object.Hash) (bool, error) {
	mark, found, err := s.kv.Get(ctx, looseKey(h))
	return found && len(mark) == 0, err
}

func newMark(kind byte, t object.Time) []byte {
	return binary.BigEndian.AppendUint64([]byte{kind}, uint64(t))
}

// seen is when a collection saw a loose thing unreachable.
func seen(mark []byte) (object.Time, bool) {
	if len(mark) != 9 || mark[0] != markLoose {
		return 0, false
	}
	return object.Time(binary.BigEndian.Uint64(mark[1:])), true
}

// guarded adds to an update what keeps collections from deleting the keys of
// space c/, i/ and n/ that it puts, given their marks as they are now.
func (s *byteStore) guarded(ctx context.Context, check, put map[string][]byte) error {
	var keys []string
	for key, value := range put {
		if value != nil && (key[:2] == kv.Bytes || key[:2] == kv.Nodes || key[:2] == kv.Packed) {
			keys = append(keys, key)
		}
	}
	for _, key := range keys {
		mark, found, err := s.kv.Get(ctx, markOf(key))
		if err != nil {
			return err
		}
		if !found {
			check[markOf(key)] = nil
			continue
		}
		check[markOf(key)] = mark
		if !bytes.Equal(mark, []byte{}) {
			put[markOf(key)] = []byte{}
		}
	}
	return nil
}
