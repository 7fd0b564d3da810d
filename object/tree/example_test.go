package tree_test

import (
	"fmt"

	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/object/can"
	"github.com/mythos-project/mythos/object/tree"
)

type nodes map[object.Hash][]byte

func (n nodes) PutNode(id object.Hash, raw []byte) error {
	n[id] = append([]byte(nil), raw...)
	return nil
}
func (n nodes) Node(id object.Hash) ([]byte, error) { return n[id], nil }

// A file is proven to be in a folder with nothing but the folder's id.
func Example() {
	kept := nodes{}
	b := tree.NewBuilder(kept)
	cid := object.SumText("hello\n")
	err := b.Add(tree.Entry{Name: []byte("a.txt"), Kind: tree.File, Size: 6, Content: &cid}, tree.Tree{})
	if err != nil {
		fmt.Println(err)
		return
	}
	root, err := b.Finish()
	if err != nil {
		fmt.Println(err)
		return
	}
	proof, err := tree.Prove(kept, root.ID, []byte("a.txt"))
	if err != nil {
		fmt.Println(err)
		return
	}
	raw, err := can.Marshal(proof)
	if err != nil {
		fmt.Println(err)
		return
	}
	e, err := tree.Verify(root.ID, []byte("a.txt"), raw)
	fmt.Println(e.Size, *e.Content == cid, err)
	_, err = tree.Verify(root.ID, []byte("b.txt"), raw)
	fmt.Println(err != nil)
	// Output:
	// 6 true <nil>
	// true
}
