package seekable_test

import (
	"bytes"
	"fmt"
	"os"

	"github.com/mythos-project/mythos/store/seekable"
)

// The table says which frames contain a range; the whole is an ordinary zstd stream.
func Example() {
	var packed bytes.Buffer
	w, err := seekable.NewWriter(&packed)
	if err != nil {
		fmt.Println(err)
		return
	}
	if _, err := w.Write([]byte("hello\n")); err != nil {
		fmt.Println(err)
		return
	}
	if err := w.Close(); err != nil {
		fmt.Println(err)
		return
	}
	table, err := seekable.Table(bytes.NewReader(packed.Bytes()), int64(packed.Len()))
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(len(table), table[0].Plain)
	if err := seekable.Unpack(os.Stdout, &packed); err != nil {
		fmt.Println(err)
	}
	// Output:
	// 1 6
	// hello
}
