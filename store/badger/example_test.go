package badger_test

import (
	"context"
	"fmt"
	"os"

	"github.com/mythos-project/mythos/store/badger"
)

// An update happens completely, and only if the keys that it checks have the expected values: here, that nobody holds
// the lease.
func Example() {
	dir, err := os.MkdirTemp("", "badger-")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(dir)
	db, err := badger.Open(dir, badger.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer db.Close()

	ctx := context.Background()
	for _, who := range []string{"alice", "bob"} {
		ok, err := db.Update(ctx, map[string][]byte{"lease": nil}, map[string][]byte{"lease": []byte(who)})
		fmt.Println(who, ok, err)
	}
	value, found, err := db.Get(ctx, "lease")
	fmt.Println(string(value), found, err)
	// Output:
	// alice true <nil>
	// bob false <nil>
	// alice true <nil>
}
