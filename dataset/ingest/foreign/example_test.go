package foreign_test

import (
	"fmt"
	"io"
	"strings"

	"github.com/mythos-project/mythos/dataset/ingest/foreign"
)

// The reader of a form skips a byte order mark, and refuses other encodings by name.
func Example() {
	for _, text := range []string{"\xef\xbb\xbf{}", "\xff\xfe{\x00}\x00"} {
		r, err := foreign.Text(strings.NewReader(text))
		if err != nil {
			fmt.Println(err)
			continue
		}
		data, err := io.ReadAll(r)
		fmt.Println(string(data), err)
	}
	// Output:
	// {} <nil>
	// it is not text in UTF-8: it is UTF-16: convert it: iconv -f UTF-16 -t UTF-8
}
