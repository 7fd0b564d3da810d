package pack

import (
	"bytes"
	"errors"
	"fmt"

	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/object/merkle"
)

// ErrNoEvidence means that a pack lacks the evidence.
var ErrNoEvidence = errors.New("the pack has no episodes")

// Nodes is a NodeWriter and NodeReader that stores the nodes of a tree in memory.
type Nodes map[object.Hash][]byte

func (k Nodes) PutNode(cid object.Hash, data []byte) error {
	k[cid] = bytes.Clone(data)
	return nil
}

func (k Nodes) Node(cid object.Hash) ([]byte, error) {
	raw, ok := k[cid]
	if !ok {
		return nil, fmt.Errorf("node %s is not there", cid.Short())
	}
	return raw, nil
}

// List builds the MerkleList over hashes in the given order.
func List(nodes Nodes, values []object.Hash) (object.Hash, error) {
	b := merkle.NewListBuilder(nodes)
	for _, v := range values {
		if err := b.Add(v); err != nil {
			return object.Hash{}, err
		}
	}
	root, err := b.Finish()
	return root.CID, err
}
