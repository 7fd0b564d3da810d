package redact_test

import (
	"fmt"

	"github.com/mythos-project/mythos/dataset/redact"
	"github.com/mythos-project/mythos/object"
)

// A match of a rule is replaced; the same value under the same key gives the same text.
func Example() {
	rules, err := redact.Parse([]byte("- {pointer: /user, label: user}\n"), []byte("0123456789abcdef"))
	if err != nil {
		fmt.Println(err)
		return
	}
	out, changed, ok := rules.Apply("request", object.Hash{}, []byte(`{"n": 1, "user": "alice"}`))
	fmt.Println(string(out) == `{"n":1,"user":"`+rules.Replacement("user", "alice")+`"}`, changed, ok)
	// Output: true true true
}
