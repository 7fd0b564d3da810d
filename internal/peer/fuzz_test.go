package peer

import (
	"bufio"
	"net/http"
	"strings"
	"testing"
)

// FuzzDoor: an accepted request can be read in only one way: it has only what its route knows, once each.
func FuzzDoor(f *testing.F) {
	for _, line := range []string{"/v1/blobs/ab?proof&offset=1", "/v1/blobs/../x", "/v1//x", "/v1/x?proof&proof", "/v1/x?a=1;b=2", "/v1/x?%70roof", "http://h/v1/x", "*", "/v1/x#y", "/v1/x?", "/v1/x??proof"} {
		f.Add(line, "Range: bytes=0-1\r\n")
		f.Add(line, "Range: bytes=0-1\r\nrange: bytes=0-2\r\n")
	}
	rt := Route{Query: []string{"proof", "offset", "length"}}
	f.Fuzz(func(t *testing.T, target, headers string) {
		if len(headers) > 1<<12 {
			t.Skip()
		}
		r, err := http.ReadRequest(bufio.NewReader(strings.NewReader("GET " + target + " HTTP/1.1\r\nHost: h\r\n" + headers + "\r\n")))
		if err != nil || plainRequest(r) != nil || rt.checkQuery(r.URL.RawQuery) != nil {
			return
		}
		if strings.ContainsAny(r.URL.Path, "%") || strings.Contains(r.URL.Path, "//") || strings.Contains(r.URL.Path, "/../") {
			t.Fatalf("the path %q passed", r.URL.Path)
		}
		for _, name := range singleHeaders {
			if len(r.Header[http.CanonicalHeaderKey(name)]) > 1 {
				t.Fatalf("%s is there twice", name)
			}
		}
		for name, values := range r.URL.Query() {
			if len(values) != 1 || strings.Count(r.URL.RawQuery, name) < 1 {
				t.Fatalf("query %q: %q", name, values)
			}
		}
	})
}
