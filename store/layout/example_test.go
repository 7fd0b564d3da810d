package layout_test

import (
	"fmt"

	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/store/layout"
)

// A place has 40 bytes: the pack, the offset and the length.
func ExampleParseSpot() {
	raw := layout.Spot{Pack: object.SumText("a pack"), Off: 4096, N: 100}.Encode()
	at, err := layout.ParseSpot(raw)
	fmt.Println(len(raw), at.Off, at.N, err)
	_, err = layout.ParseSpot(raw[1:])
	fmt.Println(err)
	// Output:
	// 40 4096 100 <nil>
	// stored bytes do not match their hash: place in a pack of 39 bytes
}
