package merkle

import (
	"errors"
	"fmt"

	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/object/can"
)

// ErrProof means that a proof does not prove the claim.
var ErrProof = errors.New("proof does not hold")

// ChunkProof proves that a chunk stands at an index of the blob with root CID.
type ChunkProof struct {
	CID   object.Hash `can:"1,cid"`
	Index uint64      `can:"2,index"`
	Nodes [][]byte    `can:"3,nodes"` // the leaf first, the root last
}

// ListProof proves that a value stands at an index of the list with root CID.
type ListProof struct {
	CID   object.Hash `can:"1,cid"`
	Index uint64      `can:"2,index"`
	Nodes [][]byte    `can:"3,nodes"` // the leaf first, the root last
}

// maxPath is the height of the highest tree whose count fits 64 bits.
const maxPath = 7

// ProveChunk makes the proof for one chunk of the DAG t.
func (t *Tree) ProveChunk(index uint64) (*ChunkProof, error) {
	nodes, err := t.path(index)
	return &ChunkProof{t.cid, index, nodes}, err
}

// ProveValue makes the proof for one value of the list t.
func (t *Tree) ProveValue(index uint64) (*ListProof, error) {
	nodes, err := t.path(index)
	return &ListProof{t.cid, index, nodes}, err
}

// VerifyChunk checks that chunk is number index of the blob with this root, given the canonical bytes of a ChunkProof.
// It trusts nothing else. Errors wrap ErrProof, ErrNode or a [can.Error].
func VerifyChunk(root object.Hash, index uint64, proof, chunk []byte) error {
	var p ChunkProof
	if err := can.Unmarshal(proof, &p); err != nil {
		return err
	}
	item, err := verifyPath(root, index, p.CID, p.Index, p.Nodes, true)
	if err != nil {
		return err
	}
	if uint64(len(chunk)) != uint64(item.Len) {
		return fmt.Errorf("%w: the chunk has %d bytes, the tree says %d", ErrProof, len(chunk), item.Len)
	}
	if got := object.Sum(chunk); got != item.Hash {
		return fmt.Errorf("%w: the chunk hashes to %s, the tree says %s", ErrProof, got.Short(), item.Hash.Short())
	}
	return nil
}

// VerifyValue checks that value is number index of the list with this root,
// given the canonical bytes of a ListProof.
func VerifyValue(root object.Hash, index uint64, proof []byte, value object.Hash) error {
	var p ListProof
	if err := can.Unmarshal(proof, &p); err != nil {
		return err
	}
	item, err := verifyPath(root, index, p.CID, p.Index, p.Nodes, false)
	if err != nil {
		return err
	}
	if item.Hash != value {
		return fmt.Errorf("%w: value %d is %s, not %s", ErrProof, index, item.Hash.Short(), value.Short())
	}
	return nil
}

// verifyPath follows the nodes from the root down to the index and returns what
// stands there.
func verifyPath(root object.Hash, index uint64, cid object.Hash, at uint64, nodes [][]byte, chunked bool) (Chunk, error) {
	if cid != root || at != index {
		return Chunk{}, fmt.Errorf("%w: it is for number %d of %s, not number %d of %s", ErrProof, at, cid.Short(), index, root.Short())
	}
	if len(nodes) == 0 || len(nodes) > maxPath {
		return Chunk{}, fmt.Errorf("%w: %d nodes, expected 1 to %d", ErrProof, len(nodes), maxPath)
	}
	var want place
	for depth := range nodes {
		raw := nodes[len(nodes)-1-depth]
		o, err := parseAs(raw, root)
		if err != nil {
			return Chunk{}, fmt.Errorf("%w: %w", ErrProof, err)
		}
		if depth == 0 {
			if want = o.place(); want.chunked != chunked || index >= want.count {
				return Chunk{}, fmt.Errorf("%w: the root covers %d values, not number %d", ErrProof, want.count, index)
			}
		}
		if err := want.check(o); err != nil {
			return Chunk{}, fmt.Errorf("%w: %w", ErrProof, err)
		}
		if last := depth == len(nodes)-1; o.leaf != last {
			return Chunk{}, fmt.Errorf("%w: the path ends at the wrong height", ErrProof)
		}
		if o.leaf {
			return o.items[index], nil
		}
		span := childSpan(o.count)
		root, want = o.children[index/span], want.child(index/span)
		index %= span
	}
	return Chunk{}, ErrProof
}
