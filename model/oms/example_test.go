package oms_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"fmt"

	"github.com/mythos-project/mythos/model/oms"
)

// A bundle names the key by the hash of its public half.
func Example() {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		fmt.Println(err)
		return
	}
	_, err = oms.Bundle(key, "m", []oms.File{{Name: "weights", SHA256: sha256.Sum256([]byte("w"))}})
	fmt.Println(err)
	_, err = oms.Bundle(key, "m", []oms.File{{Name: "../weights"}})
	fmt.Println(err)
	// Output:
	// <nil>
	// model signing: "../weights" is not a path of a file inside the model
}
