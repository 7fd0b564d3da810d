package why_test

import (
	"fmt"

	"github.com/mythos-project/mythos/model/why"
)

// Search a tree for its first problem.
func ExampleFirstProblem() {
	ring := &why.Node{Kind: "RingState", Label: "ring 0", Verified: true, Children: []*why.Node{
		{Kind: "PromotionRecord", Label: "promotion", Verified: true},
		{Kind: "ModelRef", Label: "model", Problem: "its weights are not here"},
	}}
	for _, n := range why.FirstProblem(ring) {
		fmt.Printf("%s: %q\n", n.Kind, n.Problem)
	}
	// Output:
	// RingState: ""
	// ModelRef: "its weights are not here"
}
