package peer

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/mythos-project/mythos/internal/peer/auth"
	"github.com/mythos-project/mythos/internal/transfer"
)

// FuzzRange: what is read of a range lies in the object.
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
	})
}

// FuzzDoor: a request that passes the door has one reading: what its route knows, once each.
func FuzzDoor(f *testing.F) {
	for _, line := range []string{"/v1/blobs/ab?proof&offset=1", "/v1/blobs/../x", "/v1//x", "/v1/x?proof&proof", "/v1/x?a=1;b=2", "/v1/x?%70roof", "http://h/v1/x", "*", "/v1/x#y", "/v1/x?", "/v1/x??proof"} {
		f.Add(line, "Range: bytes=0-1\r\n")
		f.Add(line, "Range: bytes=0-1\r\nrange: bytes=0-2\r\n")
	}
	rt := Route{Query: []string{queryProof, queryOffset, queryLength}}
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
		_, _ = parseSpan(r)
	})
}

// FuzzSignedText: two requests that differ in anything that counts have different signed
// texts, so that nobody can show a signature for another request.
func FuzzSignedText(f *testing.F) {
	f.Add("to", "1", "nonce", "digest", "cap", "to", "1", "nonce", "digest", "cap2")
	f.Add("to\n1", "", "n", "d", "c", "to", "1", "n", "d", "c")
	f.Fuzz(func(t *testing.T, to, at, nonce, digest, chain, to2, at2, nonce2, digest2, chain2 string) {
		text := func(values ...string) (string, bool) {
			r := &http.Request{Method: http.MethodGet, URL: &url.URL{Path: "/v1/x"}, Header: http.Header{}}
			for i, name := range []string{auth.HeaderTo, auth.HeaderTime, auth.HeaderNonce, auth.HeaderDigest, auth.HeaderCap} {
				if strings.ContainsAny(values[i], "\r\n\x00") {
					return "", false // no header can have these
				}
				r.Header.Set(name, values[i])
			}
			b, err := auth.SignedText(r, (*tls.ConnectionState)(nil))
			return string(b), err == nil
		}
		a, ok := text(to, at, nonce, digest, chain)
		b, ok2 := text(to2, at2, nonce2, digest2, chain2)
		same := to == to2 && at == at2 && nonce == nonce2 && digest == digest2 && chain == chain2
		if ok && ok2 && (a == b) != same {
			t.Fatalf("%q is signed as %q", []string{to, at, nonce, digest, chain}, []string{to2, at2, nonce2, digest2, chain2})
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
