package weights_test

import (
	"context"
	"fmt"
	"strings"

	"github.com/mythos-project/mythos/model/weights"
	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/object/tree"
	"github.com/mythos-project/mythos/store"
	"github.com/mythos-project/mythos/store/memory"
)

// Weights that are one file are that file; a file cannot pass for safetensors.
func Example() {
	ctx, db := context.Background(), memory.New()
	s := store.New(db, db)
	ref, err := s.PutBlob(ctx, strings.NewReader("test 1\nprose -1\n"), store.PutOptions{})
	if err != nil {
		fmt.Println(err)
		return
	}
	err = weights.Each(ctx, s, "weights", ref, func(name string, _ tree.Entry, ref object.BlobRef) error {
		fmt.Println(name, ref.Size, weights.Verify(ctx, s, ref))
		return nil
	})
	fmt.Println(err, weights.CheckSafetensors([]byte("test 1\nprose -1\n")) != nil)
	// Output:
	// weights 16 <nil>
	// <nil> true
}
