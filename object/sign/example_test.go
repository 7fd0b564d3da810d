package sign_test

import (
	"errors"
	"fmt"

	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/object/sign"
)

// An agent signs the 32 bytes of an object's id.
func Example() {
	key := sign.FromSeed([32]byte{1}, "alice")
	id := object.SumText("what alice vouches for")
	sig, err := sign.ID(key, id)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(sign.VerifyID(key.Agent(), id, sig))
	fmt.Println(errors.Is(sign.VerifyID(key.Agent(), object.SumText("something else"), sig), sign.ErrSignature))
	// Output:
	// <nil>
	// true
}
