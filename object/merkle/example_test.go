package merkle_test

import (
	"fmt"
	"strings"

	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/object/can"
	"github.com/mythos-project/mythos/object/merkle"
)

// nodes is a node store in memory; it needs only the two one-method interfaces.
type nodes map[object.Hash][]byte

func (n nodes) PutNode(cid object.Hash, raw []byte) error { n[cid] = raw; return nil }
func (n nodes) Node(cid object.Hash) ([]byte, error)      { return n[cid], nil }

// A list is proven element by element with nothing but its root.
func Example() {
	kept := nodes{}
	list := merkle.NewListBuilder(kept)
	for _, name := range strings.Fields("one two three") {
		if err := list.Add(object.SumText(name)); err != nil {
			fmt.Println(err)
			return
		}
	}
	root, err := list.Finish()
	if err != nil {
		fmt.Println(err)
		return
	}
	tree, err := merkle.OpenList(kept, root.CID)
	if err != nil {
		fmt.Println(err)
		return
	}
	proof, err := tree.ProveValue(1)
	if err != nil {
		fmt.Println(err)
		return
	}
	raw, err := can.Marshal(proof)
	fmt.Println(err, merkle.VerifyValue(root.CID, 1, raw, object.SumText("two")))
	fmt.Println(merkle.VerifyValue(root.CID, 1, raw, object.SumText("three")) != nil)
	// Output:
	// <nil> <nil>
	// true
}
