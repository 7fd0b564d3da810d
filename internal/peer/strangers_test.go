package peer_test

import (
	"bufio"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/mythos-project/mythos/caps/scope"
	"github.com/mythos-project/mythos/internal/peer"
	"github.com/mythos-project/mythos/internal/peer/peertest"
)

// raw sends bytes to a server and returns the status line of the answer; empty: it hung up.
func raw(t *testing.T, at string, parts ...string) string {
	t.Helper()
	c, err := net.Dial("tcp", strings.TrimPrefix(at, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(time.Minute))
	for _, p := range parts {
		if _, err := io.WriteString(c, p); err != nil {
			break // it has answered, and does not read on
		}
	}
	line, _ := bufio.NewReader(c).ReadString('\n')
	return strings.TrimSpace(line)
}

// TestStrangers: what an unknown sender sends is refused before it costs much, and the server continues.
func TestStrangers(t *testing.T) {
	far, near := peertest.Repo(t, "far"), peertest.Repo(t, "near")
	at := serve(t, far, nil)
	_, ref := peertest.Random(t, far, 600_000, 31)
	hash := strings.Repeat("ab", 32)
	body := func(method, path string, length int64, headers ...string) string {
		return fmt.Sprintf("%s %s HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n%s\r\n", method, path, length, strings.Join(append(headers, ""), "\r\n"))
	}
	for name, c := range map[string]struct {
		sends []string
		want  string
	}{
		"huge headers":        {[]string{"GET /healthz HTTP/1.1\r\nHost: x\r\nX: " + strings.Repeat("a", 1<<20) + "\r\n\r\n"}, "431"},
		"many headers":        {[]string{"GET /healthz HTTP/1.1\r\nHost: x\r\n" + strings.Repeat("X: y\r\n", 1<<17) + "\r\n"}, "431"},
		"no HTTP":             {[]string{"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n"}, "400"},
		"two lengths":         {[]string{"POST /v1/packets HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabcd"}, "400"},
		"length and chunks":   {[]string{"POST /v1/packets HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"}, "400"},
		"negative length":     {[]string{body("POST", "/v1/packets", -1)}, "400"},
		"huge chunk":          {[]string{"POST /v1/packets HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffffffff\r\n"}, "413"},
		"a packet too large":  {[]string{body("POST", "/v1/packets", 9<<20), strings.Repeat("x", 9<<20)}, "413"},
		"list of a stranger":  {[]string{body("POST", "/v1/trees/"+hash, 60<<20)}, "403"}, // answered before the body arrives
		"items of a stranger": {[]string{body("POST", "/v1/trees/"+hash+"/missing", 60<<20)}, "403"},
		"push of a stranger":  {[]string{body("PUT", "/v1/trees/"+hash+"?bytes=9", 60<<20)}, "403"},
		"path upwards":        {[]string{body("GET", "/v1/blobs/..%2f..%2fkeys%2fself", 0)}, "400"},
		"not a hash":          {[]string{body("GET", "/v1/blobs/"+strings.Repeat("z", 64), 0)}, "400"},
		"another method":      {[]string{body("PATCH", "/v1/blobs/"+hash, 0)}, "405"},
		"metrics":             {[]string{body("GET", "/metrics", 0)}, "200"}, // it is this machine
		"agent of no length":  {[]string{body("GET", "/v1/blobs/"+hash, 0, "Mythos-Agent: ab")}, "403"},
		"time that overflows": {[]string{body("GET", "/v1/blobs/"+hash, 0, "Mythos-Agent: "+far.Self().KeyHex(), "Mythos-To: "+far.Self().KeyHex(), "Mythos-Time: 99999999999999999999")}, "403"},
	} {
		if got := raw(t, at, c.sends...); !strings.Contains(got, " "+c.want+" ") {
			t.Errorf("%s: %q, expected %s", name, got, c.want)
		}
	}
	self := far.Self()
	chain := peertest.Grant(t, far, near.Self(), &scope.BlobRead{CID: ref.CID})
	for _, query := range []string{"offset=-1", "offset=18446744073709551615", "length=99999999999999999999999", "offset=9223372036854775807&length=9223372036854775807",
		"offset=600001", "offset=0x10", "offset=1&offset=-1&length=%00"} {
		res, err := (&peer.Client{Repo: near, URL: at, Key: &self}).Get(t.Context(), "/v1/blobs/"+ref.CID.String()+"?proof&"+query, chain)
		if err == nil {
			n, _ := io.Copy(io.Discard, res.Body)
			_ = res.Body.Close()
			if n > 1<<10 {
				t.Errorf("%s: answered with %d bytes", query, n)
			}
			continue
		}
		if status := statusOf(err); status < 400 || status > 499 {
			t.Errorf("%s: %v", query, err)
		}
	}
	res, err := http.Get(at + "/healthz")
	if err != nil || res.StatusCode != http.StatusOK {
		t.Fatalf("it does not go on: %v", err)
	}
	_ = res.Body.Close()
}

func statusOf(err error) int {
	var refused *peer.StatusError
	if errors.As(err, &refused) {
		return refused.Status
	}
	return 0
}

// TestManyRanges: several ranges cost no more than the whole blob.
func TestManyRanges(t *testing.T) {
	far, near := peertest.Repo(t, "far"), peertest.Repo(t, "near")
	at := serve(t, far, nil)
	data, ref := peertest.Random(t, far, 600_000, 32)
	self := far.Self()
	chain := peertest.Grant(t, far, near.Self(), &scope.BlobRead{CID: ref.CID})
	ranged := func(next http.RoundTripper) http.RoundTripper {
		return roundTrip(func(r *http.Request) (*http.Response, error) {
			r.Header.Set("Range", "bytes=0-0"+strings.Repeat(",500000-500000,0-0", 2000))
			return next.RoundTrip(r)
		})
	}
	cl := &peer.Client{Repo: near, URL: at, Key: &self, HTTP: &http.Client{Transport: ranged(http.DefaultTransport)}}
	res, err := cl.Get(t.Context(), "/v1/blobs/"+ref.CID.String(), chain)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	h := sha256.New()
	n, err := io.Copy(h, res.Body)
	want := sha256.Sum256(data)
	if err != nil || n != int64(len(data)) || hex.EncodeToString(h.Sum(nil)) != hex.EncodeToString(want[:]) {
		t.Errorf("%s, %d bytes, %v", res.Status, n, err)
	}
}

type roundTrip func(*http.Request) (*http.Response, error)

// RoundTrip implements http.RoundTripper.
func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }
