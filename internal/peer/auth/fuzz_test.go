package auth

import (
	"crypto/tls"
	"net/http"
	"net/url"
	"strings"
	"testing"
)

// FuzzSignedText: two requests that differ in anything that counts have different signed texts, so that a signature
// cannot be used for another request.
func FuzzSignedText(f *testing.F) {
	f.Add("to", "1", "nonce", "digest", "cap", "to", "1", "nonce", "digest", "cap2")
	f.Add("to\n1", "", "n", "d", "c", "to", "1", "n", "d", "c")
	f.Fuzz(func(t *testing.T, to, at, nonce, digest, chain, to2, at2, nonce2, digest2, chain2 string) {
		text := func(values ...string) (string, bool) {
			r := &http.Request{Method: http.MethodGet, URL: &url.URL{Path: "/v1/x"}, Header: http.Header{}}
			for i, name := range []string{HeaderTo, HeaderTime, HeaderNonce, HeaderDigest, HeaderCap} {
				if strings.ContainsAny(values[i], "\r\n\x00") {
					return "", false // a header cannot contain these
				}
				r.Header.Set(name, values[i])
			}
			b, err := SignedText(r, (*tls.ConnectionState)(nil))
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
