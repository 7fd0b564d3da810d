package memory_test

import (
	"context"
	"fmt"
	"strings"

	"github.com/mythos-project/mythos/store"
	"github.com/mythos-project/mythos/store/memory"
)

// One DB keeps both the keys and the chunks of a store.
func Example() {
	ctx := context.Background()
	db := memory.New()
	s := store.New(db, db)
	ref, err := s.PutBlob(ctx, strings.NewReader("hello\n"), store.PutOptions{Media: "text/plain"})
	fmt.Println(ref.CID.Short(), ref.Size, err)
	// Output:
	// 5891b5b522d5 6 <nil>
}
