package quick_test

import (
	"fmt"

	"github.com/mythos-project/mythos/dataset/quick"
	"github.com/mythos-project/mythos/object/can"
)

// A field is found by its number; truncated data is not found.
func Example() {
	raw, err := can.Marshal(&struct {
		Name string `can:"1,name"`
		Port uint64 `can:"2,port"`
	}{"a", 80})
	fmt.Printf("%x %v\n", quick.Field(raw, 2), err)
	fmt.Printf("%x\n", quick.Field(raw[:len(raw)-1], 2))
	// Output:
	// 0350 <nil>
	//
}
