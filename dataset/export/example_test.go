package export_test

import (
	"fmt"

	"github.com/mythos-project/mythos/dataset/export"
	"github.com/mythos-project/mythos/object"
)

// The part of an episode follows only from its id and the weights.
func Example() {
	split, err := export.ParseSplit("train=0.9, test=0.1")
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, name := range []string{"a", "b", "m"} {
		part := export.Part(object.SumText(name), []uint64{split[0].Weight, split[1].Weight})
		fmt.Println(name, split[part].Name)
	}
	// Output:
	// a train
	// b train
	// m test
}
