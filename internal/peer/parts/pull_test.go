package parts_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/mythos-project/mythos/caps"
	"github.com/mythos-project/mythos/caps/scope"
	"github.com/mythos-project/mythos/internal/peer"
	"github.com/mythos-project/mythos/internal/peer/parts"
	"github.com/mythos-project/mythos/internal/peer/peertest"
	"github.com/mythos-project/mythos/internal/repo"
	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/object/can"
	"github.com/mythos-project/mythos/store"
	"github.com/mythos-project/mythos/store/codec"
)

// serve serves a repository until the test ends.
func serve(t testing.TB, n *repo.Repo) string {
	t.Helper()
	s := &peer.Server{Repo: n, Log: slog.New(slog.DiscardHandler), Services: []peer.Service{&parts.Service{Repo: n}}}
	s.SetLimits(peer.Limits{Rate: 1000})
	return "http://" + peertest.Serve(t, s)
}

func content(t *testing.T, n *repo.Repo, cid object.Hash) []byte {
	t.Helper()
	b, err := n.Store.OpenBlob(t.Context(), cid, codec.Keys{})
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	if err := b.Copy(t.Context(), &out); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// TestPullMovesWhatIsMissing: a second pull, of a file with one changed chunk, transfers one chunk and the nodes above
// it; a third one nothing.
func TestPullMovesWhatIsMissing(t *testing.T) {
	far, near := peertest.Repo(t, "far"), peertest.Repo(t, "near")
	at := serve(t, far)
	data, ref := peertest.Random(t, far, 10<<18, 1)
	changed := bytes.Clone(data)
	changed[5<<18] ^= 1
	second := peertest.Put(t, far, changed)
	for i, r := range []struct {
		ref   object.BlobRef
		want  []byte
		parts int
	}{{ref, data, 12}, {second, changed, 3}, {second, changed, 0}} {
		got, err := parts.Pull(t.Context(), []*peer.Client{{Repo: near, URL: at}}, r.ref.CID, peertest.Grant(t, far, near.Self(), &scope.BlobRead{CID: r.ref.CID}), nil, nil)
		if err != nil {
			t.Fatal(err)
		}
		if got.Parts != r.parts {
			t.Errorf("pull %d moved %d parts, expected %d", i, got.Parts, r.parts)
		}
		if !bytes.Equal(content(t, near, r.ref.CID), r.want) {
			t.Errorf("pull %d brought other bytes", i)
		}
	}
}

// through is a proxy in front of a peer, which can do harm.
func through(t *testing.T, at string, harm func(*http.Response)) string {
	t.Helper()
	to, err := url.Parse(at)
	if err != nil {
		t.Fatal(err)
	}
	p := httputil.NewSingleHostReverseProxy(to)
	p.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	p.ModifyResponse = func(r *http.Response) error { harm(r); return nil }
	s := httptest.NewServer(p)
	s.Config.ErrorLog = p.ErrorLog
	t.Cleanup(s.Close)
	return s.URL
}

// flipped changes a byte late in a body.
type flipped struct {
	io.ReadCloser
	left int
}

func (f *flipped) Read(p []byte) (int, error) {
	n, err := f.ReadCloser.Read(p)
	if f.left -= n; f.left < 0 && f.left+n >= 0 && n > 0 {
		p[f.left+n] ^= 1
	}
	return n, err
}

// TestPullFromSeveral: of three peers one changes what it sends and one breaks off. They are named and left out, and
// the third one sends the rest.
func TestPullFromSeveral(t *testing.T) {
	far, near := peertest.Repo(t, "far"), peertest.Repo(t, "near")
	at := serve(t, far)
	data, ref := peertest.Random(t, far, 24<<20, 2)
	liar := through(t, at, func(r *http.Response) {
		if r.Request.Method == http.MethodPost {
			r.Body = &flipped{r.Body, 300 << 10}
		}
	})
	weak := through(t, at, func(r *http.Response) {
		if r.Request.Method == http.MethodPost {
			r.Body = struct {
				io.Reader
				io.Closer
			}{io.LimitReader(r.Body, 700<<10), r.Body}
			r.ContentLength = -1
		}
	})
	out := map[string]bool{}
	peers := []*peer.Client{{Repo: near, Name: "liar", URL: liar}, {Repo: near, Name: "weak", URL: weak}, {Repo: near, Name: "good", URL: at}}
	_, err := parts.Pull(t.Context(), peers, ref.CID, peertest.Grant(t, far, near.Self(), &scope.BlobRead{CID: ref.CID}), nil, func(c *peer.Client, err error) {
		out[c.Name] = true
	})
	if err != nil {
		t.Fatal(err)
	}
	if out["good"] {
		t.Error("the honest peer was left out")
	}
	if !out["liar"] && !out["weak"] {
		t.Error("nobody was left out")
	}
	if !bytes.Equal(content(t, near, ref.CID), data) {
		t.Error("other bytes")
	}
}

// TestPullGoesOn: what arrived before the connection broke is not transferred again.
func TestPullGoesOn(t *testing.T) {
	far, near := peertest.Repo(t, "far"), peertest.Repo(t, "near")
	at := serve(t, far)
	data, ref := peertest.Random(t, far, 8<<20, 3)
	chain := peertest.Grant(t, far, near.Self(), &scope.BlobRead{CID: ref.CID})
	weak := through(t, at, func(r *http.Response) {
		if r.Request.Method == http.MethodPost {
			r.Body = struct {
				io.Reader
				io.Closer
			}{io.LimitReader(r.Body, 3<<20), r.Body}
			r.ContentLength = -1
		}
	})
	first, err := parts.Pull(t.Context(), []*peer.Client{{Repo: near, URL: weak}}, ref.CID, chain, nil, nil)
	if err == nil || first.Parts == 0 {
		t.Fatalf("%d parts: %v", first.Parts, err)
	}
	second, err := parts.Pull(t.Context(), []*peer.Client{{Repo: near, URL: at}}, ref.CID, chain, nil, nil)
	if err != nil || first.Bytes+second.Bytes > int64(len(data))+1<<16 {
		t.Fatalf("%d and %d bytes of %d: %v", first.Bytes, second.Bytes, len(data), err)
	}
	if !bytes.Equal(content(t, near, ref.CID), data) {
		t.Error("other bytes")
	}
}

// TestLyingPeer pulls from peers that answer with garbage: each pull fails.
func TestLyingPeer(t *testing.T) {
	near, far := peertest.Repo(t, "near"), peertest.Repo(t, "far")
	self := far.Self()
	who, err := can.Marshal(&self)
	if err != nil {
		t.Fatal(err)
	}
	cid := object.SumText("a blob")
	for name, body := range map[string][]byte{
		"nothing":           nil,
		"a length of 4 GiB": {0xff, 0xff, 0xff, 0xff},
		"half a length":     {0, 0},
		"no canonical part": {0, 0, 0, 2, 1, 1},
		"only zeros":        make([]byte, 4096),
	} {
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if strings.HasSuffix(r.URL.Path, "identity") {
				_, _ = w.Write(who)
				return
			}
			_, _ = w.Write(body)
		}))
		c := &peer.Client{Repo: near, URL: s.URL}
		if _, err := parts.Pull(t.Context(), []*peer.Client{c}, cid, caps.Chain{}, nil, nil); err == nil {
			t.Errorf("%s: the pull succeeded", name)
		}
		if _, err := parts.Fetch(t.Context(), c, cid, 0, 10, caps.Chain{}, io.Discard); err == nil {
			t.Errorf("%s: the fetch succeeded", name)
		}
		s.Close()
	}
}

// TestFetch transfers the chunks of a range with their proofs, and refuses what does not match its proof.
func TestFetch(t *testing.T) {
	far, near := peertest.Repo(t, "far"), peertest.Repo(t, "near")
	at := serve(t, far)
	data, ref := peertest.Random(t, far, 3<<20+77, 4)
	small, smallRef := peertest.Random(t, far, 1000, 5)
	for _, r := range []struct {
		cid         object.Hash
		data        []byte
		off, length uint64
		chunks      int
	}{
		{ref.CID, data, 0, 1, 1}, {ref.CID, data, 256<<10 - 1, 2, 2}, {ref.CID, data, 1 << 20, 1 << 20, 4},
		{ref.CID, data, 3 << 20, 77, 1}, {ref.CID, data, 0, parts.ToEnd, 13}, {ref.CID, data, 5, 0, 0}, {ref.CID, data, 3<<20 + 77, 0, 0},
		{smallRef.CID, small, 10, 20, 1}, {smallRef.CID, small, 0, parts.ToEnd, 1}, {smallRef.CID, small, 0, 0, 0},
	} {
		chain := peertest.Grant(t, far, near.Self(), &scope.BlobRead{CID: r.cid})
		var out bytes.Buffer
		got, err := parts.Fetch(t.Context(), &peer.Client{Repo: near, URL: at}, r.cid, r.off, r.length, chain, &out)
		want := r.data[r.off:]
		if r.length != parts.ToEnd {
			want = want[:r.length]
		}
		if err != nil || !bytes.Equal(out.Bytes(), want) {
			t.Errorf("%d from %d: %d bytes: %v", r.length, r.off, out.Len(), err)
		}
		if len(r.data) > 1<<20 && got.Parts != 2*r.chunks {
			t.Errorf("%d from %d: %d parts for %d chunks", r.length, r.off, got.Parts, r.chunks)
		}
	}
	chain := peertest.Grant(t, far, near.Self(), &scope.BlobRead{CID: ref.CID})
	if _, err := parts.Fetch(t.Context(), &peer.Client{Repo: near, URL: at}, ref.CID, 1<<22, 1, chain, io.Discard); err == nil {
		t.Error("a range beyond the end")
	}
	liar := through(t, at, func(r *http.Response) { r.Body = &flipped{r.Body, 200 << 10} })
	if _, err := parts.Fetch(t.Context(), &peer.Client{Repo: near, URL: liar}, ref.CID, 0, 1<<20, chain, io.Discard); err == nil {
		t.Error("a changed byte was believed")
	}
}

// TestPush sends what is missing, once, as far as the capability allows.
func TestPush(t *testing.T) {
	far, near := peertest.Repo(t, "far"), peertest.Repo(t, "near")
	c := &peer.Client{Repo: near, URL: serve(t, far)}
	data, ref := peertest.Random(t, near, 2<<20, 6)
	chain := peertest.Grant(t, far, near.Self(), &scope.BlobWrite{Namespace: "ci", MaxSize: 3 << 20, MediaAllow: []string{"application/*"}})
	got, err := parts.Push(t.Context(), c, ref.CID, chain, nil)
	if err != nil || got.Parts != 10 {
		t.Fatalf("%+v: %v", got, err)
	}
	if !bytes.Equal(content(t, far, ref.CID), data) {
		t.Error("other bytes")
	}
	if h, err := far.Store.Ref(t.Context(), got.Ref); err != nil || h != ref.CID {
		t.Errorf("@%s is %s: %v", got.Ref, h.Short(), err)
	}
	if got, err = parts.Push(t.Context(), c, ref.CID, chain, nil); err != nil || got.Parts != 0 {
		t.Errorf("again: %+v: %v", got, err)
	}
	_, large := peertest.Random(t, near, 2<<20, 7)
	refused(t, "beyond the capability's bytes", push(t, c, large.CID, chain), http.StatusForbidden)
	text, err := near.Store.PutBlob(t.Context(), strings.NewReader("text"), store.PutOptions{Media: "text/plain", Codec: object.CodecRaw})
	if err != nil {
		t.Fatal(err)
	}
	refused(t, "another media type", push(t, c, text.CID, chain), http.StatusForbidden)
	if _, err := far.Store.BlobRef(t.Context(), text.CID); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("the blob is there: %v", err)
	}
	refused(t, "a capability to read", push(t, c, text.CID, peertest.Grant(t, far, near.Self(), &scope.BlobRead{CID: text.CID})), http.StatusForbidden)
	refused(t, "no capability", push(t, c, text.CID, nil), http.StatusForbidden)
	refused(t, "somebody else's capability", push(t, c, text.CID, peertest.Grant(t, far, far.Self(), &scope.BlobWrite{Namespace: "ci", MaxSize: 9, MediaAllow: []string{"*/*"}})), http.StatusForbidden)
	refused(t, "a capability by a stranger", push(t, c, text.CID, peertest.Grant(t, near, near.Self(), &scope.BlobWrite{Namespace: "ci", MaxSize: 9, MediaAllow: []string{"*/*"}})), http.StatusForbidden)
}

func push(t *testing.T, c *peer.Client, cid object.Hash, chain caps.Chain) error {
	_, err := parts.Push(t.Context(), c, cid, chain, nil)
	return err
}

func refused(t *testing.T, what string, err error, status int) {
	t.Helper()
	var se *peer.StatusError
	if !errors.As(err, &se) || se.Status != status {
		t.Errorf("%s: %v, expected status %d", what, err, status)
	}
}

// TestRequestsAreForOnePeerOnce replays a signed request, sends it to another peer, and changes everything that it is
// about.
func TestRequestsAreForOnePeerOnce(t *testing.T) {
	far, other, near := peertest.Repo(t, "far"), peertest.Repo(t, "other"), peertest.Repo(t, "near")
	at, elsewhere := serve(t, far), serve(t, other)
	_, ref := peertest.Random(t, far, 1000, 8)
	_, hidden := peertest.Random(t, far, 1000, 9)
	chain := peertest.Grant(t, far, near.Self(), &scope.BlobRead{CID: ref.CID})
	var recorded atomic.Pointer[http.Request]
	recorder := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		recorded.Store(r.Clone(context.Background()))
		w.WriteHeader(http.StatusTeapot)
	}))
	defer recorder.Close()
	self := far.Self()
	record := func() *http.Request {
		_, err := parts.Fetch(t.Context(), &peer.Client{Repo: near, URL: recorder.URL, Key: &self}, ref.CID, 0, 10, chain, io.Discard)
		refused(t, "the recorder", err, http.StatusTeapot)
		return recorded.Load()
	}
	send := func(r *http.Request, at string, change func(*http.Request)) int {
		again, err := http.NewRequestWithContext(t.Context(), r.Method, at+r.RequestURI, nil)
		if err != nil {
			t.Fatal(err)
		}
		again.Header = r.Header.Clone()
		if change != nil {
			change(again)
		}
		res, err := http.DefaultClient.Do(again)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		return res.StatusCode
	}
	r := record()
	if status := send(r, at, nil); status != http.StatusOK {
		t.Fatalf("the request itself: %d", status)
	}
	if status := send(r, at, nil); status != http.StatusForbidden {
		t.Errorf("a second time: %d", status)
	}
	if status := send(record(), elsewhere, nil); status != http.StatusForbidden {
		t.Errorf("at another peer: %d", status)
	}
	more, err := caps.ExportText(peertest.Grant(t, far, near.Self(), &scope.BlobRead{CID: hidden.CID}))
	if err != nil {
		t.Fatal(err)
	}
	for what, change := range map[string]func(*http.Request){
		"another path":       func(r *http.Request) { r.URL.Path = "/v1/blobs/" + hidden.CID.String() },
		"another query":      func(r *http.Request) { r.URL.RawQuery += "0" },
		"no query":           func(r *http.Request) { r.URL.RawQuery = "" },
		"another method":     func(r *http.Request) { r.Method = http.MethodHead },
		"another capability": func(r *http.Request) { r.Header.Set("Mythos-Cap", more) },
		"another agent":      func(r *http.Request) { r.Header.Set("Mythos-Agent", other.Self().KeyHex()) },
		"another nonce":      func(r *http.Request) { r.Header.Set("Mythos-Nonce", strings.Repeat("0", 32)) },
		"another time":       func(r *http.Request) { r.Header.Set("Mythos-Time", "1") },
		"another digest":     func(r *http.Request) { r.Header.Set("Mythos-Digest", strings.Repeat("0", 64)) },
		"no signature":       func(r *http.Request) { r.Header.Del("Mythos-Signature") },
	} {
		if status := send(record(), at, change); status != http.StatusForbidden {
			t.Errorf("%s: %d", what, status)
		}
	}
}

// TestBlobOverHTTP: standard HTTP features work: ranges, ETags, caching.
func TestBlobOverHTTP(t *testing.T) {
	far, near := peertest.Repo(t, "far"), peertest.Repo(t, "near")
	at := serve(t, far)
	data, ref := peertest.Random(t, far, 2<<20, 10)
	chain := peertest.Grant(t, far, near.Self(), &scope.BlobRead{CID: ref.CID})
	res, err := (&peer.Client{Repo: near, URL: at}).Get(t.Context(), "/v1/blobs/"+ref.CID.String(), chain)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	got, err := io.ReadAll(res.Body)
	if err != nil || !bytes.Equal(got, data) || res.Header.Get("Etag") != `"`+ref.CID.String()+`"` || !strings.Contains(res.Header.Get("Cache-Control"), "immutable") {
		t.Errorf("%d bytes, %v: %v", len(got), res.Header, err)
	}
}

// TestTooLarge sends frames that claim to be too large.
func TestTooLarge(t *testing.T) {
	far := peertest.Repo(t, "far")
	at := serve(t, far)
	body := append(binary.BigEndian.AppendUint32(nil, 1<<31), make([]byte, 100)...)
	for _, path := range []string{"/v1/packets", "/v1/trees/" + object.SumText("x").String() + "/missing", "/v1/codebooks"} {
		res, err := http.Post(at+path, "", bytes.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
		if res.StatusCode < 400 {
			t.Errorf("%s: %d", path, res.StatusCode)
		}
	}
}

// TestForeignRefIsChecked: the ref in a peer's answer to a push must be a valid one.
func TestForeignRefIsChecked(t *testing.T) {
	n := peertest.Repo(t, "near")
	self := n.Self()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !strings.HasSuffix(r.URL.Path, "missing") {
			_, _ = io.WriteString(w, `{"parts":0,"bytes":0,"ref":"pushed/\u001b[2J"}`)
		}
	}))
	defer server.Close()
	if _, err := parts.Push(t.Context(), &peer.Client{Repo: n, URL: server.URL, Key: &self}, peertest.Put(t, n, []byte("text")).CID, nil, nil); err == nil {
		t.Error("a ref that cannot be was taken")
	}
}
