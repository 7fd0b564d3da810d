package fsck_test

import (
	"context"
	"fmt"

	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/store"
	"github.com/mythos-project/mythos/store/fsck"
	"github.com/mythos-project/mythos/store/memory"
)

// A ref that points to something that was never put.
func Example() {
	ctx := context.Background()
	db := memory.New()
	s := store.New(db, db)
	if err := s.SetRef(ctx, "latest", object.SumText("nothing"), nil); err != nil {
		fmt.Println(err)
	}
	done, err := fsck.Run(ctx, s, func(f fsck.Finding) { fmt.Println(f.Kind, f.Name, f.Err) }, nil, nil)
	fmt.Println(done.Refs, err)
	// Output:
	// ref latest what it points to: not found
	// 1 <nil>
}
