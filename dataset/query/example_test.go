package query_test

import (
	"fmt"

	"github.com/mythos-project/mythos/dataset/query"
	"github.com/mythos-project/mythos/object"
)

// A query is text for people and a canonical expression in the definition.
func Example() {
	tool := func(name string) (object.Hash, error) { return object.SumText("tool:" + name), nil }
	q, err := query.Parse(`status == 200 and signal.reward >= 1`, tool)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(query.Decompile(&q))
	// Output: status == 200 and (signal.reward >= u64("1") or signal.reward >= i64("1"))
}
