package object_test

import (
	"fmt"

	"github.com/mythos-project/mythos/object"
)

// The id of an object is the hash of its canonical bytes, without the fields that the rule of its type leaves out. The
// JSON view is for people and pipes.
func Example() {
	blob := object.BlobRef{CID: object.SumText("hello\n"), Size: 6, Media: "text/plain"}
	s := object.Define[object.BlobRef]("BlobRef", object.Rule{})
	id, err := s.Rule.IDOf(&blob)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(id.Short())

	raw, err := object.FromJSON(s.Type(), []byte(`{"cid":"5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03","size":6,"media":"text/plain","codec":0,"chunks":0}`))
	if err != nil {
		fmt.Println(err)
		return
	}
	again, err := s.Rule.ID(raw)
	fmt.Println(again == id, err)
	fmt.Println(s.Check(raw))
	// Output:
	// fbb29166a724
	// true <nil>
	// <nil>
}
