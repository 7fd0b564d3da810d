package gc_test

import (
	"context"
	"fmt"

	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/store"
	"github.com/mythos-project/mythos/store/gc"
	"github.com/mythos-project/mythos/store/memory"
)

// Two byte strings are put; a record elsewhere refers to one of them.
func Example() {
	ctx := context.Background()
	db := memory.New()
	s := store.New(db, db)
	kept, _ := s.PutBytes(ctx, []byte("kept"))
	loose, _ := s.PutBytes(ctx, []byte("nobody refers to it"))
	keep := func(_ context.Context, keep func(object.Hash)) error { keep(kept); return nil }

	rep, err := gc.Run(ctx, s, gc.Options{Roots: keep, Grace: -1})
	if err != nil {
		fmt.Println(err)
	}
	here, _ := s.HasBytes(ctx, kept)
	gone, _ := s.HasBytes(ctx, loose)
	fmt.Println(rep.Chunks, here, gone)
	// Output: 1 true false
}
