package codec_test

import (
	"bytes"
	"fmt"
	"io"
	"strings"

	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/store/codec"
)

// Compressible data is stored compressed.
func ExampleEncode() {
	text := strings.Repeat("the same line again\n", 1000)
	s, err := codec.Encode(strings.NewReader(text), codec.Options{Auto: true})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer s.Close()
	var stored bytes.Buffer
	if _, err := io.Copy(&stored, s); err != nil {
		fmt.Println(err)
	}
	fmt.Println(s.Codec == object.CodecZstd, stored.Len() < len(text)/10)
	// Output: true true
}
