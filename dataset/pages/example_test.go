package pages_test

import (
	"context"
	"encoding/binary"
	"fmt"

	"github.com/mythos-project/mythos/dataset/pages"
	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/object/sign"
	"github.com/mythos-project/mythos/store/memory"
)

// The first reader finds nothing and keeps what it read; the second finds it.
func Example() {
	ctx, db := context.Background(), memory.New()
	author := &pages.Author{Key: sign.FromSeed([32]byte{1}, "scout")}
	ids := make([]object.Hash, 1000)
	for i := range ids {
		ids[i].Alg = object.SHA256
		binary.BigEndian.PutUint64(ids[i].Sum[:], uint64(i)<<54)
	}
	for range 2 {
		found := 0
		r, err := pages.Episodes(db, author).Read(ctx, ids, []string{"5"}, func(_, _ int, parts []string) bool {
			found += len(parts)
			return true
		})
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Println(found, r.Few())
		if !r.Few() {
			err = r.Keep(ctx, func(_, at int) ([]string, bool) { return []string{fmt.Sprint("value ", at)}, true })
		}
		if err != nil {
			fmt.Println(err)
		}
	}
	// Output:
	// 0 false
	// 1000 true
}
