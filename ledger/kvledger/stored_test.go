package kvledger_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math/bits"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/mythos-project/mythos/ledger"
)

// The stored form of a ledger, as its package comment describes it, written here independently.

func segmentKey(first int) string { return fmt.Sprintf("l/e/%016x", first) }

// storedSegment is a segment with the number of its first leaf.
type storedSegment struct {
	first  int
	leaves [][]byte
}

func (s storedSegment) encode() (value []byte) {
	for _, leaf := range s.leaves {
		value = append(binary.BigEndian.AppendUint32(value, uint32(len(leaf))), leaf...)
	}
	return value
}

func (w *world) segments() (list []storedSegment) {
	w.t.Helper()
	err := w.db.Scan(context.Background(), "l/e/", "l/e/~", func(key string, value []byte) error {
		first, err := strconv.ParseInt(key[len("l/e/"):], 16, 64)
		if err != nil {
			return err
		}
		s := storedSegment{first: int(first)}
		for value = bytes.Clone(value); len(value) > 0; {
			n := 4 + binary.BigEndian.Uint32(value)
			s.leaves, value = append(s.leaves, value[4:n:n]), value[n:]
		}
		list = append(list, s)
		return nil
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return list
}

func (w *world) leaves() (list [][]byte) {
	for _, s := range w.segments() {
		list = append(list, s.leaves...)
	}
	return list
}

// edited is the segment with one leaf changed; nil removes the leaf.
func (w *world) edited(seq int, leaf []byte) (key string, value []byte) {
	w.t.Helper()
	for _, s := range w.segments() {
		if seq < s.first || seq >= s.first+len(s.leaves) {
			continue
		}
		at := seq - s.first
		if leaf == nil {
			s.leaves = append(s.leaves[:at:at], s.leaves[at+1:]...)
		} else {
			s.leaves[at] = leaf
		}
		if len(s.leaves) == 0 {
			return segmentKey(s.first), nil
		}
		return segmentKey(s.first), s.encode()
	}
	w.t.Fatalf("no entry %d", seq)
	return "", nil
}

func putOf(key string, value []byte) map[string][]byte { return map[string][]byte{key: value} }

// swapped are the segments with two leaves exchanged.
func (w *world) swapped(a, b int) map[string][]byte {
	w.t.Helper()
	leaves := w.leaves()
	first := w.copyOf(putOf(w.edited(a, leaves[b])))
	put := putOf(first.edited(b, leaves[a]))
	key, value := w.edited(a, leaves[b])
	if _, same := put[key]; !same {
		put[key] = value
	}
	return put
}

// place is how indexes refer to an entry.
func place(seq, at int) []byte {
	return append(binary.BigEndian.AppendUint64(nil, uint64(seq)), byte(at))
}

// historyKey is the key of an effect's index.
func historyKey(key string) string { return "l/i/" + ledger.IdemID(tool, []byte(key)).String() }

// endOf is the stored end of a log: its size and the roots of its complete subtrees, the smallest first.
func endOf(hashes []tlog.Hash, size int) []byte {
	value := binary.BigEndian.AppendUint64(nil, uint64(size))
	for height := range bits.Len(uint(size)) {
		if size>>height&1 == 0 {
			continue
		}
		h := hashes[tlog.StoredHashIndex(height, int64(size>>height)-1)]
		value = append(value, h[:]...)
	}
	return value
}

// hashesOf are all hashes of a log, in the order of sumdb/tlog.
func (w *world) hashesOf(leaves [][]byte) (hashes []tlog.Hash) {
	w.t.Helper()
	reader := tlog.HashReaderFunc(func(indexes []int64) (out []tlog.Hash, _ error) {
		for _, i := range indexes {
			out = append(out, hashes[i])
		}
		return out, nil
	})
	for seq, data := range leaves {
		added, err := tlog.StoredHashes(int64(seq), data, reader)
		if err != nil {
			w.t.Fatal(err)
		}
		hashes = append(hashes, added...)
	}
	return hashes
}

// TestEarlierLayout: a ledger with another layout is refused, not misread.
func TestEarlierLayout(t *testing.T) {
	w := newWorld(t)
	w.put(map[string][]byte{"l/n": {0, 0, 0, 0, 0, 0, 0, 3}})
	l := w.ledger(testKey)
	_, err := l.Register(t.Context(), tool, []byte("k"), tool, minute)
	if !errors.Is(err, ledger.ErrEntry) || !strings.Contains(err.Error(), "earlier build") {
		t.Errorf("%v", err)
	}
	if _, err := l.Verify(t.Context()); !errors.Is(err, ledger.ErrEntry) {
		t.Errorf("%v", err)
	}
}
