package intoto_test

import (
	"fmt"

	"github.com/mythos-project/mythos/ledger/intoto"
	"github.com/mythos-project/mythos/object/sign"
)

// One agent signs a statement; another, who knows the first, opens it.
func Example() {
	alice := sign.FromSeed([32]byte{1}, "alice")
	envelope, err := intoto.SealStatement(alice, []byte(`{"_type":"https://in-toto.io/Statement/v1"}`))
	if err != nil {
		panic(err)
	}
	statement, _, err := intoto.OpenStatement(envelope, alice.Agent())
	fmt.Println(string(statement), err)
	_, _, err = intoto.OpenStatement(envelope)
	fmt.Println(err)
	// Output:
	// {"_type":"https://in-toto.io/Statement/v1"} <nil>
	// DSSE envelope does not hold: no known agent signed it
}
