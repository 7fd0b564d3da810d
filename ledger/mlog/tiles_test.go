package mlog

import (
	"bytes"
	"encoding/binary"
	"errors"
	"math/rand/v2"
	"testing"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/mythos-project/mythos/store/kv"
	"github.com/mythos-project/mythos/store/memory"
)

// manyLeaves appends leaves of some bytes, in batches of any size, and returns the
// hashes that the log should have, in the order of sumdb/tlog.
func manyLeaves(t *testing.T, db kv.KV, n int) (hashes []tlog.Hash) {
	t.Helper()
	reader := tlog.HashReaderFunc(func(indexes []int64) (out []tlog.Hash, _ error) {
		for _, i := range indexes {
			out = append(out, hashes[i])
		}
		return out, nil
	})
	rnd := rand.New(rand.NewPCG(1, 2))
	l := New(db)
	for seq := 0; seq < n; {
		a := &Append{}
		for range min(n-seq, 1+rnd.IntN(700)) {
			leaf := binary.BigEndian.AppendUint64(nil, uint64(seq))
			if seq%1000 == 0 {
				leaf = append(leaf, make([]byte, 2*segmentBytes)...)
			}
			a.Leaves = append(a.Leaves, leaf)
			added, err := tlog.StoredHashes(int64(seq), leaf, reader)
			if err != nil {
				t.Fatal(err)
			}
			hashes = append(hashes, added...)
			seq++
		}
		if rnd.IntN(4) == 0 {
			l = New(db) // another process
		}
		if ok, err := l.Append(t.Context(), a); !ok || err != nil {
			t.Fatal(ok, err)
		}
	}
	return hashes
}

// TestTilesGiveEveryHash compares the hashes from tiles and entries with all hashes of a log that reaches the tiles'
// second level.
func TestTilesGiveEveryHash(t *testing.T) {
	const size = 256*256 + 256*3 + 77
	db := memory.New()
	hashes := manyLeaves(t, db, size)
	indexes := make([]int64, len(hashes))
	for i := range indexes {
		indexes[i] = int64(i)
	}
	got, err := New(db).Hashes(t.Context()).ReadHashes(indexes)
	if err != nil {
		t.Fatal(err)
	}
	for i := range got {
		if got[i] != hashes[i] {
			t.Fatalf("hash %d is another one", i)
		}
	}
	if _, err := New(db).Hashes(t.Context()).ReadHashes([]int64{tlog.StoredHashIndex(0, size)}); !errors.Is(err, ErrEntry) {
		t.Errorf("a leaf that is not there: %v", err)
	}
	edge, stored, err := loadFrontier(t.Context(), db)
	if err != nil || edge.Size != size || !bytes.Equal(edge.Append(nil), stored) {
		t.Fatalf("%d entries, %v", edge.Size, err)
	}
	want, err := tlog.TreeHash(size, New(db).Hashes(t.Context()))
	if err != nil || edge.Root() != want {
		t.Errorf("the root is another one, %v", err)
	}
	for _, seq := range []uint64{0, 255, 256, 1000, 65535, 65536, size - 1} {
		leaf, err := New(db).Leaf(t.Context(), seq)
		if err != nil || binary.BigEndian.Uint64(leaf) != seq {
			t.Errorf("leaf %d: %x, %v", seq, leaf, err)
		}
	}
	tiles := 0
	if err := db.Scan(t.Context(), tileKeys, kv.End(tileKeys), func(string, []byte) error { tiles++; return nil }); err != nil || tiles != 3 {
		t.Errorf("%d tiles, %v", tiles, err)
	}
}

// TestTilesOfTwoWriters: one of several processes fills the page that another one, which has not looked since, is about
// to fill.
func TestTilesOfTwoWriters(t *testing.T) {
	db := memory.New()
	first, second := New(db), New(db)
	add := func(l *Log, n int) {
		t.Helper()
		a := &Append{}
		for range n {
			a.Leaves = append(a.Leaves, []byte("leaf"))
		}
		if ok, err := l.Append(t.Context(), a); !ok || err != nil {
			t.Fatal(ok, err)
		}
	}
	empty, _, err := loadFrontier(t.Context(), db)
	if err != nil {
		t.Fatal(err)
	}
	third := &Log{kv: db, edge: empty, loaded: true}
	add(first, 255)
	add(second, 2)
	add(first, 1)
	add(first, 254)
	add(second, 1)
	add(third, 256)
	if edge, _, err := loadFrontier(t.Context(), db); err != nil || edge.Size != 769 {
		t.Fatal(edge.Size, err)
	}
}
