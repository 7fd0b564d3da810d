package mlog_test

import (
	"context"
	"fmt"

	"github.com/mythos-project/mythos/ledger/mlog"
	"github.com/mythos-project/mythos/store/memory"
)

// Two leaves and the index with their places are one update.
func Example() {
	ctx := context.Background()
	log := mlog.New(memory.New())
	a := &mlog.Append{
		Leaves:   [][]byte{[]byte("first"), []byte("second")},
		Postings: []mlog.Posting{{Key: "index", To: 2}},
	}
	fmt.Println(log.Append(ctx, a))
	late := &mlog.Append{Leaves: [][]byte{[]byte("third")}, Postings: []mlog.Posting{{Key: "index", To: 1}}}
	fmt.Println(log.Append(ctx, late)) // it expects the index to be absent
	places, err := mlog.ParsePlaces(a.Postings[0].After)
	fmt.Println(len(places), err)
	size, err := log.Size(ctx)
	fmt.Println(size, err)
	leaf, err := log.Leaf(ctx, 1)
	fmt.Printf("%s %v\n", leaf, err)
	// Output:
	// true <nil>
	// false <nil>
	// 2 <nil>
	// 2 <nil>
	// second <nil>
}
