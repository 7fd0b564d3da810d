package judge_test

import (
	"fmt"

	"github.com/mythos-project/mythos/model/judge"
	"github.com/mythos-project/mythos/object"
)

// Without evidence no condition holds, and each says why.
func Example() {
	list := judge.Evaluate(&judge.Evidence{Model: judge.ModelState{ID: object.SumText("a model")}})
	first, failed := judge.Failed(list)
	fmt.Println(len(list), failed, first.Name)
	fmt.Println(first.Why)
	// Output:
	// 6 true complete
	// the model 97ff8a35544d is not here
}
