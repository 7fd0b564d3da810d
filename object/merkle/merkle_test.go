package merkle

import (
	"encoding/binary"
	"testing"

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
