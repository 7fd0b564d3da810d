package toolname_test

import (
	"fmt"

	"github.com/mythos-project/mythos/exec/toolname"
)

func Example() {
	for _, name := range []string{"fs.read_text_file", "Deploy", "mythos.once"} {
		fmt.Println(name, toolname.Check(name) == nil)
	}
	// Output:
	// fs.read_text_file true
	// Deploy false
	// mythos.once false
}
