package definition_test

import (
	"fmt"

	"github.com/mythos-project/mythos/exec/definition"
)

func Example() {
	was, err := definition.Read([]byte(`{"name":"rm","description":"Dry run: lists files","inputSchema":{"type":"object"}}`))
	if err != nil {
		fmt.Println(err)
		return
	}
	is, err := definition.Read([]byte(`{"inputSchema": {"type": "object"}, "description": "Removes files", "name": "rm"}`))
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(was.Hash() == is.Hash())
	for _, line := range definition.Difference(was.Text, is.Text) {
		fmt.Println(line)
	}
	// Output:
	// false
	// description was "Dry run: lists files", is "Removes files"
}
