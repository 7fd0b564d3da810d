package parts

import (
	"bytes"
	"net/http"
	"net/url"
	"testing"

	"github.com/mythos-project/mythos/internal/transfer"
)

// FuzzRange: a parsed range lies inside the object.
func FuzzRange(f *testing.F) {
	for _, text := range []string{"0-0", "-1", "5-", "9-3", "-0", "18446744073709551615-", "0-18446744073709551615", "1-2,3-4", " 1-2", "1-2-3", "+1-2"} {
		f.Add(text, uint64(10))
	}
	f.Fuzz(func(t *testing.T, text string, size uint64) {
		size &= 1<<62 - 1
		from, to, ok := parseRange(text, size)
		if ok && (from > to || to > size) {
			t.Fatalf("%q of %d bytes is %d to %d", text, size, from, to)
		}
		asked := &http.Request{URL: &url.URL{RawQuery: url.Values{queryProof: {""}, queryOffset: {text}}.Encode()}}
		sp, err := parseSpan(asked)
		if _, _, beyond := sp.within(size); err == nil && beyond == nil && sp.offset > size {
			t.Fatalf("the offset %q of %d bytes is %d", text, size, sp.offset)
		}
	})
}

// FuzzKeys: a list of parts is read as it was written.
func FuzzKeys(f *testing.F) {
	f.Add(encodeKeys([]transfer.Key{{Rank: 1}}))
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, body []byte) {
		keys, err := decodeKeys(body)
		if err != nil {
			return
		}
		for k := range keys {
			if !bytes.Contains(body, encodeKeys([]transfer.Key{k})) {
				t.Fatalf("%+v is not in the list", k)
			}
		}
	})
}
