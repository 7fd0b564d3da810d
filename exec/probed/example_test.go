package probed_test

import (
	"fmt"

	"github.com/mythos-project/mythos/exec/probed"
)

// A probe says whether an effect happened; any other answer says nothing.
func Example() {
	a, err := probed.Parse([]byte(`{"happened": true, "response": "deployed"}`))
	fmt.Println(*a.Happened, a.Status, a.Response, err)
	_, err = probed.Parse([]byte(`{"status": 200}`))
	fmt.Println(err)
	// Output:
	// true 200 deployed <nil>
	// its answer does not say "happened"
}
