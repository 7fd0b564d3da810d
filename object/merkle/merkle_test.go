package merkle

import (
	"bytes"
	"encoding/binary"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/object/can"
)

type memory map[object.Hash][]byte

func (m memory) PutNode(cid object.Hash, data []byte) error {
	m[cid] = append([]byte(nil), data...)
	return nil
}

func (m memory) Node(cid object.Hash) ([]byte, error) { return m[cid], nil }

func value(i uint64) object.Hash {
	return object.Sum(binary.BigEndian.AppendUint64(nil, i))
}

func TestListRoundTrip(t *testing.T) {
	for _, n := range []uint64{0, 1, 2, 1023, 1024, 1025, 2048, 2049, 1024*1024 - 1, 1024 * 1024, 1024*1024 + 1, 1024*1024 + 1025} {
		m := memory{}
		b := NewListBuilder(m)
		for i := range n {
			if err := b.Add(value(i)); err != nil {
				t.Fatal(err)
			}
		}
		root, err := b.Finish()
		if err != nil {
			t.Fatal(err)
		}
		tree, err := OpenList(m, root.CID)
		if err != nil {
			t.Fatalf("%d values: %v", n, err)
		}
		next := uint64(0)
		err = tree.Walk(0, n, func(i uint64, c Chunk) error {
			if i != next || c.Hash != value(i) {
				t.Fatalf("%d values: at %d found %d", n, next, i)
			}
			next++
			return nil
		})
		if err != nil || next != n {
			t.Fatalf("%d values: walked %d: %v", n, next, err)
		}
		for _, i := range []uint64{0, n / 2, n - 1} {
			if n == 0 {
				continue
			}
			p, err := tree.ProveValue(i)
			if err != nil {
				t.Fatal(err)
			}
			raw, _ := can.Marshal(p)
			if err := VerifyValue(root.CID, i, raw, value(i)); err != nil {
				t.Errorf("%d values, proof of %d: %v", n, i, err)
			}
			if err := VerifyValue(root.CID, i, raw, value(i+1)); err == nil {
				t.Errorf("%d values, proof of %d accepts another value", n, i)
			}
		}
	}
}

// TestProofBitFlips flips every bit of a chunk proof and of the chunk: each change
// is refused.
func TestProofBitFlips(t *testing.T) {
	m := memory{}
	b := NewChunkBuilder(8, m)
	for i := range uint64(1030) {
		if err := b.Add(Chunk{Hash: object.Sum([]byte{byte(i), byte(i >> 8), 1, 2, 3, 4, 5, 6}), Len: 8}); err != nil {
			t.Fatal(err)
		}
	}
	root, err := b.Finish()
	if err != nil {
		t.Fatal(err)
	}
	tree, err := OpenChunks(m, root.CID)
	if err != nil {
		t.Fatal(err)
	}
	p, err := tree.ProveChunk(1027)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := can.Marshal(p)
	if err != nil {
		t.Fatal(err)
	}
	chunk := []byte{1027 & 0xff, 1027 >> 8, 1, 2, 3, 4, 5, 6}
	if err := VerifyChunk(root.CID, 1027, raw, chunk); err != nil {
		t.Fatal(err)
	}
	for i := range len(raw) * 8 {
		raw[i/8] ^= 1 << (i % 8)
		if VerifyChunk(root.CID, 1027, raw, chunk) == nil {
			t.Fatalf("bit %d of byte %d may be flipped", i%8, i/8)
		}
		raw[i/8] ^= 1 << (i % 8)
	}
	for i := range len(chunk) * 8 {
		chunk[i/8] ^= 1 << (i % 8)
		if VerifyChunk(root.CID, 1027, raw, chunk) == nil {
			t.Fatalf("bit %d of the chunk may be flipped", i)
		}
		chunk[i/8] ^= 1 << (i % 8)
	}
	if VerifyChunk(root.CID, 1026, raw, chunk) == nil {
		t.Error("the proof serves another index")
	}
}

// TestHostileNodes opens trees whose nodes are well encoded but do not fit their place.
func TestHostileNodes(t *testing.T) {
	h := value(1)
	leaf := func(chunks ...Chunk) *ChunkLeaf {
		var total uint64
		for _, c := range chunks {
			total += uint64(c.Len)
		}
		return &ChunkLeaf{8, chunks, total}
	}
	bad := map[string]func() ([]byte, error){
		"no chunks":          func() ([]byte, error) { return encode(KindChunkLeaf, leaf()) },
		"short chunk inside": func() ([]byte, error) { return encode(KindChunkLeaf, leaf(Chunk{h, 7}, Chunk{h, 8})) },
		"empty chunk":        func() ([]byte, error) { return encode(KindChunkLeaf, leaf(Chunk{h, 0})) },
		"chunk too long":     func() ([]byte, error) { return encode(KindChunkLeaf, leaf(Chunk{h, 9})) },
		"wrong total":        func() ([]byte, error) { return encode(KindChunkLeaf, &ChunkLeaf{8, []Chunk{{h, 8}}, 9}) },
		"one child": func() ([]byte, error) {
			return encode(KindChunkInternal, &ChunkInternal{8, []object.Hash{h}, 8 * 2000, 2000})
		},
		"count fits a leaf": func() ([]byte, error) {
			return encode(KindChunkInternal, &ChunkInternal{8, []object.Hash{h, h}, 16, 2})
		},
		"total too small": func() ([]byte, error) {
			return encode(KindChunkInternal, &ChunkInternal{8, []object.Hash{h, h}, 8, 2000})
		},
		"unknown kind":    func() ([]byte, error) { return encode(9, leaf(Chunk{h, 8})) },
		"version 2":       func() ([]byte, error) { return can.Marshal(&Node{2, KindChunkLeaf, []byte{}}) },
		"list for chunks": func() ([]byte, error) { return encode(KindListLeaf, &ListLeaf{[]object.Hash{h}}) },
	}
	for name, make := range bad {
		raw, err := make()
		if err != nil {
			t.Fatal(err)
		}
		cid := object.Sum(raw)
		if _, err := OpenChunks(memory{cid: raw}, cid); err == nil {
			t.Errorf("%s: opened", name)
		}
	}
}

// encode wraps the payload struct v as a node.
func encode(kind uint8, v any) ([]byte, error) {
	payload, err := can.Marshal(v)
	if err != nil {
		return nil, err
	}
	return can.Marshal(&Node{Version: 1, Kind: kind, Payload: payload})
}

// TestNodesAreCanonical compares the builder's bytes with those of the codec, which is independent of the builder.
func TestNodesAreCanonical(t *testing.T) {
	again := func(raw []byte) ([]byte, error) {
		var n Node
		if err := can.Unmarshal(raw, &n); err != nil {
			return nil, err
		}
		var v any
		switch n.Kind {
		case KindListLeaf:
			v = &ListLeaf{}
		case KindListInternal:
			v = &ListInternal{}
		case KindChunkLeaf:
			v = &ChunkLeaf{}
		case KindChunkInternal:
			v = &ChunkInternal{}
		}
		if err := can.Unmarshal(n.Payload, v); err != nil {
			return nil, err
		}
		return encode(n.Kind, v)
	}
	check := func(m memory) {
		for cid, raw := range m {
			got, err := again(raw)
			if err != nil || !bytes.Equal(got, raw) || object.Sum(raw) != cid {
				t.Fatalf("% x...: the codec gives % x...: %v", raw[:40], got[:min(40, len(got))], err)
			}
		}
	}
	for _, n := range []uint64{0, 1, 2, 127, 128, 1023, 1024, 1025, 5000} {
		m := memory{}
		l, c := NewListBuilder(m), NewChunkBuilder(1<<20, m)
		for i := range n {
			if err := errors.Join(l.Add(value(i)), c.Add(Chunk{value(i), 1 << 20})); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := l.Finish(); err != nil {
			t.Fatal(err)
		}
		if _, err := c.Finish(); (err != nil) != (n == 0) {
			t.Fatal(err)
		}
		check(m)
	}
	if NewListBuilder(memory{}).Add(object.Hash{}) == nil || NewListBuilder(memory{}).AddAll(make([]object.Hash, 1)) == nil {
		t.Error("a list takes the zero hash")
	}
	values := make([]object.Hash, 5000)
	for i := range values {
		values[i] = value(uint64(i))
	}
	one, many := NewListBuilder(Discard), NewListBuilder(Discard)
	for i, v := range values {
		if err := one.Add(v); err != nil {
			t.Fatal(err)
		}
		if i%700 == 0 { // some alone, some together
			if err := errors.Join(many.Add(v), many.AddAll(values[i+1:min(i+700, len(values))])); err != nil {
				t.Fatal(err)
			}
		}
	}
	a, err := one.Finish()
	if b, err2 := many.Finish(); err != nil || err2 != nil || a != b {
		t.Errorf("%+v, %+v: %v %v", a, b, err, err2)
	}
}

// BenchmarkBuild builds a list over existing hashes, and hashes the bytes of its nodes alone, in turns. The figure
// build/hash is the quotient of the two medians.
func BenchmarkBuild(b *testing.B) {
	values := make([]object.Hash, 100_000)
	for i := range values {
		values[i] = value(uint64(i))
	}
	nodes := memory{}
	l := NewListBuilder(nodes)
	for _, v := range values {
		if err := l.Add(v); err != nil {
			b.Fatal(err)
		}
	}
	if _, err := l.Finish(); err != nil {
		b.Fatal(err)
	}
	size := 0
	for _, raw := range nodes {
		size += len(raw)
	}
	b.SetBytes(int64(size))
	var hashing, building []time.Duration
	for b.Loop() {
		start := time.Now()
		for _, raw := range nodes {
			object.Sum(raw)
		}
		hashing = append(hashing, time.Since(start))
		start = time.Now()
		if _, err := ListRoot(values); err != nil {
			b.Fatal(err)
		}
		building = append(building, time.Since(start))
	}
	slices.Sort(hashing)
	slices.Sort(building)
	b.ReportMetric(float64(building[len(building)/2])/float64(hashing[len(hashing)/2]), "build/hash")
}
