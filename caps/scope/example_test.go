package scope_test

import (
	"fmt"

	"github.com/mythos-project/mythos/caps/scope"
	"github.com/mythos-project/mythos/object"
)

// Parse a scope, describe it in words, and compare it with a wider one.
func Example() {
	tool := object.SumText("tool:echo").String()
	wide, _ := scope.Parse("tool.call:"+tool+",calls=10,prefix:/path=/data/", nil)
	narrow, _ := scope.Parse("tool.call:"+tool+",calls=2,prefix:/path=/data/logs/", nil)

	fmt.Println(narrow.Within(wide))
	fmt.Println(wide.Within(narrow))
	// Output:
	// <nil>
	// constraint prefix:/path=/data/ is not narrower than its parent's /data/logs/
}
