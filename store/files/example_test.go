package files_test

import (
	"bytes"
	"context"
	"fmt"
	"os"

	"github.com/mythos-project/mythos/store"
	"github.com/mythos-project/mythos/store/files"
	"github.com/mythos-project/mythos/store/memory"
)

// A store's chunks are plain files, whatever holds its keys.
func Example() {
	dir, err := os.MkdirTemp("", "chunks-")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(dir)
	chunks, err := files.Open(dir)
	if err != nil {
		fmt.Println(err)
		return
	}
	ctx := context.Background()
	s := store.New(memory.New(), chunks)
	ref, err := s.PutBlob(ctx, bytes.NewReader(make([]byte, 9<<20)), store.PutOptions{ChunkSize: 4 << 20})
	fmt.Println(ref.Chunks, "chunks", err)
	there := 0
	files, err := os.ReadDir(dir)
	for _, f := range files {
		if len(f.Name()) == 2 { // the first byte of a chunk's hash
			there++
		}
	}
	fmt.Println(there, "folders of chunks, since two of three are the same", err)
	// Output:
	// 3 chunks <nil>
	// 2 folders of chunks, since two of three are the same <nil>
}
