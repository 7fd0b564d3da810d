package secret_test

import (
	"fmt"

	"github.com/mythos-project/mythos/exec/secret"
)

// A secret is found however a server encodes it.
func Example() {
	mask := secret.New([]byte("top/secret"))
	fmt.Println(mask.CleanText(`{"as it is":"top/secret","escaped":"top\/secret","query":"top%2Fsecret"}`))
	// Output:
	// {"as it is":"[secret]","escaped":"[secret]","query":"[secret]"}
}
