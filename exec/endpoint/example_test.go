package endpoint_test

import (
	"fmt"

	"github.com/mythos-project/mythos/exec/endpoint"
)

// The host of a URL is fixed; a secret is given by name, and is never sent without TLS.
func Example() {
	u, err := endpoint.CheckURL("http://example.com/items/{/id}")
	fmt.Println(u.Host, err)
	_, err = endpoint.CheckURL("https://{/host}/items")
	fmt.Println(err != nil)
	fmt.Println(endpoint.CheckHeaders(u, map[string]string{"Authorization": "Bearer env:TOKEN"}))
	// Output:
	// example.com <nil>
	// true
	// header "Authorization": secret env:TOKEN would cross the network unencrypted: use https
}
