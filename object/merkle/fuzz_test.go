package merkle

import (
	"bytes"
	"testing"

	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/object/can"
)

// FuzzProof: bytes that nobody proved do not verify. In a proof that verifies, the last node is the root's own, and the
// chunk has the hash that its leaf names.
func FuzzProof(f *testing.F) {
	chunk := []byte("chunk")
	leaf, err := can.Marshal(&ChunkLeaf{ChunkSize: 8, Chunks: []Chunk{{object.Sum(chunk), 5}}, TotalSize: 5})
	if err != nil {
		f.Fatal(err)
	}
	node, err := can.Marshal(&Node{1, KindChunkLeaf, leaf})
	if err != nil {
		f.Fatal(err)
	}
	root := object.Sum(node)
	proof, err := can.Marshal(&ChunkProof{root, 0, [][]byte{node}})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(proof, chunk, uint64(0))
	f.Add(proof, []byte("other"), uint64(1))
	f.Fuzz(func(t *testing.T, proof, data []byte, index uint64) {
		if err := VerifyChunk(root, index, proof, data); err == nil && (index != 0 || !bytes.Equal(data, chunk)) {
			t.Fatalf("chunk %d of %q is proved", index, data)
		}
		if err := VerifyValue(root, index, proof, object.Sum(data)); err == nil {
			t.Fatal("a value of a list is proved by a blob")
		}
		_, _ = parse(data)
	})
}
