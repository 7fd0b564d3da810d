package can_test

import (
	"errors"
	"fmt"

	"github.com/mythos-project/mythos/object/can"
)

// A struct has its fields by number. Every value has exactly one encoding; the decoder refuses any other.
func Example() {
	type Point struct {
		X    uint32 `can:"1,x"`
		Y    uint32 `can:"2,y"`
		Name string `can:"3,name,omitzero"`
	}
	raw, err := can.Marshal(&Point{X: 1, Y: 300})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Printf("%x\n", raw)

	var p Point
	fmt.Println(can.Unmarshal(raw, &p), p.X, p.Y)

	var bad *can.Error
	err = can.Unmarshal(append(raw, 0), &p)
	fmt.Println(errors.As(err, &bad))
	// Output:
	// 080203010301030203ac02
	// <nil> 1 300
	// true
}
