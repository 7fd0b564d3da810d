package ledger

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"math/rand/v2"
	"testing"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/object/sign"
	"github.com/mythos-project/mythos/store/memory"
)

// manyLeaves appends leaves of some bytes, in batches of any size, and returns the
// hashes that the log should have, in the order of sumdb/tlog.
func manyLeaves(t *testing.T, kv KV, n int) (hashes []tlog.Hash) {
	t.Helper()
	reader := tlog.HashReaderFunc(func(indexes []int64) (out []tlog.Hash, _ error) {
		for _, i := range indexes {
			out = append(out, hashes[i])
		}
		return out, nil
	})
	rnd := rand.New(rand.NewPCG(1, 2))
	l := &log{kv: kv}
	for seq := 0; seq < n; {
		a := &appending{}
		for range min(n-seq, 1+rnd.IntN(700)) {
			leaf := binary.BigEndian.AppendUint64(nil, uint64(seq))
			if seq%1000 == 0 {
				leaf = append(leaf, make([]byte, 2*segmentBytes)...)
			}
			a.leaves = append(a.leaves, leaf)
			added, err := tlog.StoredHashes(int64(seq), leaf, reader)
			if err != nil {
				t.Fatal(err)
			}
			hashes = append(hashes, added...)
			seq++
		}
		if rnd.IntN(4) == 0 {
			l = &log{kv: kv} // another process
		}
		if ok, err := l.append(t.Context(), a); !ok || err != nil {
			t.Fatal(ok, err)
		}
	}
	return hashes
}

// TestTilesGiveEveryHash compares what tiles and entries give with all hashes of a log
// that reaches into the tiles' second level.
func TestTilesGiveEveryHash(t *testing.T) {
	const size = 256*256 + 256*3 + 77
	kv := memory.New()
	hashes := manyLeaves(t, kv, size)
	indexes := make([]int64, len(hashes))
	for i := range indexes {
		indexes[i] = int64(i)
	}
	got, err := newHashReader(t.Context(), kv).ReadHashes(indexes)
	if err != nil {
		t.Fatal(err)
	}
	for i := range got {
		if got[i] != hashes[i] {
			t.Fatalf("hash %d is another one", i)
		}
	}
	if _, err := newHashReader(t.Context(), kv).ReadHashes([]int64{tlog.StoredHashIndex(0, size)}); !errors.Is(err, ErrEntry) {
		t.Errorf("a leaf that is not there: %v", err)
	}
	edge, stored, err := loadFrontier(t.Context(), kv)
	if err != nil || edge.size != size || !bytes.Equal(edge.append(nil), stored) {
		t.Fatalf("%d entries, %v", edge.size, err)
	}
	want, err := tlog.TreeHash(size, newHashReader(t.Context(), kv))
	if err != nil || edge.root() != want {
		t.Errorf("the root is another one, %v", err)
	}
	for _, seq := range []uint64{0, 255, 256, 1000, 65535, 65536, size - 1} {
		leaf, err := leafNumber(t.Context(), kv, seq)
		if err != nil || binary.BigEndian.Uint64(leaf) != seq {
			t.Errorf("leaf %d: %x, %v", seq, leaf, err)
		}
	}
	tiles := 0
	if err := kv.Scan(t.Context(), tileKeys, tileKeys+"\xff", func(string, []byte) error { tiles++; return nil }); err != nil || tiles != 3 {
		t.Errorf("%d tiles, %v", tiles, err)
	}
}

// TestTilesAreGuarded changes what is stored of the hashes: Verify finds it, and who
// appends does not build on a tile that is too short.
func TestTilesAreGuarded(t *testing.T) {
	ctx := context.Background()
	for name, hurt := range map[string]func(tile []byte) []byte{
		"edited":  func(tile []byte) []byte { tile[33] ^= 1; return tile },
		"cut":     func(tile []byte) []byte { return tile[:32] },
		"longer":  func(tile []byte) []byte { return append(tile, tile[:32]...) },
		"half":    func(tile []byte) []byte { return tile[:40] },
		"dropped": func([]byte) []byte { return nil },
	} {
		kv, h := memory.New(), object.SumText("h")
		l := Open(kv, sign.FromSeed([32]byte{1}, "test"), func() object.Time { return 1 })
		receipts := func(from, to int) (err error) {
			for i := from; i < to && err == nil; i++ {
				var raw []byte
				if _, raw, err = l.NewReceipt(Receipt{ToolID: h, RequestHash: h, ResponseHash: h, Status: uint16(i)}); err == nil {
					err = l.Record(ctx, raw)
				}
			}
			return err
		}
		if err := receipts(0, 600); err != nil {
			t.Fatal(err)
		}
		if _, err := l.Verify(ctx); err != nil {
			t.Fatal(err)
		}
		key := tileKey(1, 0)
		tile, _, err := kv.Get(ctx, key)
		if err != nil || len(tile) != 2*tlog.HashSize {
			t.Fatal(len(tile), err)
		}
		if _, err := kv.Update(ctx, nil, map[string][]byte{key: hurt(tile)}); err != nil {
			t.Fatal(err)
		}
		_, err = l.Verify(ctx)
		if found := errors.Is(err, ErrEntry); found == (name == "longer") { // what is behind the end counts for nothing
			t.Errorf("%s: %v", name, err)
		}
		if err := receipts(600, 800); errors.Is(err, ErrEntry) != (name != "edited") {
			t.Errorf("%s: it was built upon: %v", name, err)
		}
	}
}

// TestTilesOfSeveralWriters has one of several processes fill the page that another one, which has
// not looked since, is about to fill.
func TestTilesOfTwoWriters(t *testing.T) {
	kv := memory.New()
	first, second := &log{kv: kv}, &log{kv: kv}
	add := func(l *log, n int) {
		t.Helper()
		a := &appending{}
		for range n {
			a.leaves = append(a.leaves, []byte("leaf"))
		}
		if ok, err := l.append(t.Context(), a); !ok || err != nil {
			t.Fatal(ok, err)
		}
	}
	empty, _, err := loadFrontier(t.Context(), kv)
	if err != nil {
		t.Fatal(err)
	}
	third := &log{kv: kv, edge: empty, loaded: true}
	add(first, 255)
	add(second, 2)
	add(first, 1)
	add(first, 254)
	add(second, 1)
	add(third, 256)
	if edge, _, err := loadFrontier(t.Context(), kv); err != nil || edge.size != 769 {
		t.Fatal(edge.size, err)
	}
}
