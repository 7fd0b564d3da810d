package train_test

import (
	"fmt"

	"github.com/mythos-project/mythos/model/train"
)

// A tool's answer is read strictly: metrics are integers.
func Example() {
	for _, accuracy := range []string{"500000", "0.5"} {
		r, err := train.ParseEvalResponse([]byte(`{"op":"eval","examples":2,"metrics":{"accuracy_micro":` + accuracy + "}}\n"))
		fmt.Println(r.Metrics["accuracy_micro"], err != nil)
	}
	// Output:
	// 500000 false
	// 0 true
}
