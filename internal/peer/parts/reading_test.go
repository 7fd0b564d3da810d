package parts

import (
	"bytes"
	"context"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/mythos-project/mythos/caps"
	"github.com/mythos-project/mythos/caps/scope"
	"github.com/mythos-project/mythos/internal/peer"
	"github.com/mythos-project/mythos/internal/peer/auth"
	"github.com/mythos-project/mythos/internal/peer/peertest"
	"github.com/mythos-project/mythos/internal/peer/tasks"
	"github.com/mythos-project/mythos/internal/pgtest"
	"github.com/mythos-project/mythos/internal/repo"
	"github.com/mythos-project/mythos/internal/transfer"
	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/object/sign"
	"github.com/mythos-project/mythos/store"
	"github.com/mythos-project/mythos/store/postgres"
)

// lone returns a service whose handlers are called directly, and the service of tasks.
func lone(t *testing.T) (*Service, http.Handler) {
	t.Helper()
	return at(t, peertest.Repo(t, "far"))
}

func at(t *testing.T, n *repo.Repo) (*Service, http.Handler) {
	t.Helper()
	s := &Service{Repo: n}
	server := &peer.Server{Repo: n, Log: slog.New(slog.DiscardHandler), Services: []peer.Service{s, &tasks.Service{Repo: n}}}
	server.SetLimits(peer.Limits{Rate: 100_000})
	h, stop, err := server.Start(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := stop(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return s, h
}

// TestNothingBeyondTheCapability asks every route that answers with stored bytes, under capabilities that are narrower
// than the object, with every combination of queries and headers: no byte that a capability does not cover is sent, and
// what one covers is.
func TestNothingBeyondTheCapability(t *testing.T) {
	s, h := lone(t)
	key := sign.FromSeed([32]byte{1}, "one")
	const step = 256 << 10
	const size = 3*step + 100
	data := make([]byte, size)
	rng := rand.NewChaCha8([32]byte{3})
	_, _ = rng.Read(data)
	blob, err := s.Repo.Store.PutBlob(t.Context(), bytes.NewReader(data), store.PutOptions{ChunkSize: step, Media: "text/plain", Codec: object.CodecRaw})
	if err != nil {
		t.Fatal(err)
	}
	small, err := s.Repo.Store.PutBlob(t.Context(), bytes.NewReader(data[:900]), store.PutOptions{Media: "text/plain", Codec: object.CodecRaw})
	if err != nil {
		t.Fatal(err)
	}
	for _, b := range []struct {
		ref  object.BlobRef
		data []byte
	}{{blob, data}, {small, data[:900]}} {
		for _, sc := range []struct{ from, to uint64 }{{0, 16}, {100, 900}, {step, 2 * step}, {step + 1, 3 * step}, {3 * step, size}, {0, 0}, {size, size + 9}} {
			length := sc.to - sc.from
			chain := peertest.Grant(t, s.Repo, key.Agent(), &scope.BlobRead{CID: b.ref.CID, RangeStart: &sc.from, RangeLen: &length})
			for _, a := range asks(b.ref.CID) {
				got := peertest.Ask(t, s.Repo, h, key, chain, a.method, a.target, a.header, a.body).Body.Bytes()
				if what := outside(got, b.data, int(sc.from), int(sc.to)); what != "" {
					t.Fatalf("%s %s, %v, under [%d, %d): %s", a.method, a.target, a.header, sc.from, sc.to, what)
				}
			}
		}
	}
}

// ask is one way to ask for stored bytes.
type ask struct {
	method, target string
	header         http.Header
	body           []byte
}

// asks returns all ways: every combination of queries with the headers that change which bytes are sent.
func asks(cid object.Hash) (all []ask) {
	list := encodeKeys([]transfer.Key{{Rank: 0, ID: cid}, {Rank: 1, ID: cid}})
	for i, target := range targets(cid) {
		for j, hd := range conditions(cid) {
			if i > 2 && j > 2 {
				break // no query is allowed with which these would count
			}
			all = append(all, ask{http.MethodGet, target, hd, nil})
			if i < 3 {
				all = append(all, ask{http.MethodHead, target, hd, nil}, ask{http.MethodPost, target, hd, list}, ask{http.MethodOptions, target, hd, nil})
			}
		}
	}
	return all
}

// targets returns the paths that answer with stored bytes, with every combination of queries.
func targets(cid object.Hash) []string {
	all := []string{"/v1/trees/" + cid.String(), "/v1/trees/" + cid.String() + "/missing", "/v1/blobs/" + cid.String(),
		"/v1/trees/" + cid.String() + "?path=61", "/v1/trees/" + cid.String() + "?path=61&proof"}
	for _, proof := range []string{"", "proof&", "proof=0&", "proof&proof&"} {
		for _, offset := range []string{"", "offset=0&", "offset=16&", "offset=262144&", "offset=0&offset=262144&", "offset=+0&"} {
			for _, length := range []string{"", "length=0", "length=16", "length=262144", "length=16&length=9999", "length=-1", "length=18446744073709551615"} {
				all = append(all, "/v1/blobs/"+cid.String()+"?"+proof+offset+length)
			}
		}
	}
	return all
}

// conditions are headers that change which bytes are sent.
func conditions(cid object.Hash) []http.Header {
	etag := `"` + cid.String() + `"`
	return []http.Header{
		{}, {"Range": {"bytes=0-15"}}, {"Range": {"bytes=-16"}}, {"Range": {"bytes=0-"}}, {"Range": {"bytes=0-15,0-99999"}}, {"Range": {"bytes=0-15", "bytes=0-"}},
		{"Range": {"bytes=0-15"}, "If-Range": {`"other"`}}, {"Range": {"bytes=0-15"}, "If-Range": {etag}}, {"Range": {"bytes=15-0"}}, {"Range": {"lines=0-15"}},
		{"Range": {"bytes=0-15"}, "If-None-Match": {etag}}, {"If-Match": {`"other"`}}, {"If-Modified-Since": {"Mon, 02 Jan 2006 15:04:05 GMT"}},
		{"Range": {"bytes=262144-524287"}}, {"Range": {"bytes=99999-"}}, {"Range": {"bytes=18446744073709551615-"}},
	}
}

// outside reports bytes of data beyond [from, to) in an answer: sixteen of them in a row, next to the borders and at
// other places.
func outside(answer, data []byte, from, to int) string {
	const n = 16
	places := []int{0, from - n, to, to + 1, len(data) - n}
	for at := 0; at < len(data); at += 30_011 {
		places = append(places, at)
	}
	for _, at := range places {
		if at < 0 || at+n > len(data) || at+n > from && at < to {
			continue
		}
		if bytes.Contains(answer, data[at:at+n]) {
			return fmt.Sprintf("the answer, of %d bytes, holds byte %d", len(answer), at)
		}
	}
	return ""
}

// TestExactlyTheCapability: exactly what a narrow capability covers is sent.
func TestExactlyTheCapability(t *testing.T) {
	s, h := lone(t)
	key := sign.FromSeed([32]byte{1}, "one")
	const step = 256 << 10
	data := make([]byte, 3*step)
	rng := rand.NewChaCha8([32]byte{4})
	_, _ = rng.Read(data)
	ref, err := s.Repo.Store.PutBlob(t.Context(), bytes.NewReader(data), store.PutOptions{ChunkSize: step, Media: "text/plain", Codec: object.CodecRaw})
	if err != nil {
		t.Fatal(err)
	}
	etag := `"` + ref.CID.String() + `"`
	under := func(from, length uint64) caps.Chain {
		return peertest.Grant(t, s.Repo, key.Agent(), &scope.BlobRead{CID: ref.CID, RangeStart: &from, RangeLen: &length})
	}
	all := uint64(len(data))
	for _, c := range []struct {
		chain  caps.Chain
		query  string
		header http.Header
		status int
		want   []byte
	}{
		{under(0, 16), "", http.Header{"Range": {"bytes=0-15"}}, 206, data[:16]},
		{under(16, 4), "", http.Header{"Range": {"bytes=16-19"}, "If-Range": {etag}}, 206, data[16:20]},
		{under(16, 4), "", http.Header{"Range": {"bytes=16-20"}}, 403, nil},
		{under(0, 16), "", nil, 403, nil},
		{under(0, all), "", nil, 200, data},
		{under(all-4, 4), "", http.Header{"Range": {"bytes=-4"}}, 206, data[all-4:]},
		{under(0, 1), "", http.Header{"Range": {"bytes=999999-"}}, 416, nil},
		{under(0, 16), "", http.Header{"If-None-Match": {etag}}, 304, nil},
		{under(0, 16), "", http.Header{"If-Match": {`"x"`}}, 412, nil},
		{under(0, step-1), "?proof&offset=0&length=16", nil, 403, nil}, // the proof would show the whole chunk
		{under(0, step), "?proof&offset=0&length=16", nil, 200, data[:step]},
		{under(0, step), "?proof&offset=262140&length=7", nil, 403, nil},
		{under(0, step), "?proof&offset=786432&length=0", nil, 200, nil},
		{under(0, step), "?proof&offset=786433&length=0", nil, 416, nil},
		{under(0, step), "?offset=0&length=16", nil, 400, nil},
	} {
		w := peertest.Ask(t, s.Repo, h, key, c.chain, http.MethodGet, "/v1/blobs/"+ref.CID.String()+c.query, c.header, nil)
		if w.Code != c.status || (c.want != nil && !bytes.Contains(w.Body.Bytes(), c.want)) || (c.want != nil && c.query == "" && w.Body.Len() != len(c.want)) {
			t.Errorf("%s, %v: %d with %d bytes, expected %d with %d", c.query, c.header, w.Code, w.Body.Len(), c.status, len(c.want))
		}
	}
	head := peertest.Ask(t, s.Repo, h, key, under(0, 16), http.MethodHead, "/v1/blobs/"+ref.CID.String(), http.Header{"Range": {"bytes=0-15"}}, nil)
	if head.Code != 206 || head.Header().Get("Content-Length") != "16" || head.Body.Len() != 0 {
		t.Errorf("HEAD: %d, %v", head.Code, head.Header())
	}
}

// TestOneWayToRead: stored bytes leave a server only through a reading.
func TestOneWayToRead(t *testing.T) {
	reads := []string{"OpenBlob", "OpenRef", "Bytes", "ReadBytes", "Chunk", "ReadRange", "Copy", "Send", "Items", "Object", "FindObject", "Nodes"}
	files, err := filepath.Glob("../*.go")
	if err != nil {
		t.Fatal(err)
	}
	inside, err := filepath.Glob("../*/*.go")
	if err != nil {
		t.Fatal(err)
	}
	found := 0
	for _, name := range append(files, inside...) {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range file.Decls {
			fn, ok := d.(*ast.FuncDecl)
			if !ok || fn.Recv == nil {
				continue
			}
			ast.Inspect(fn.Body, func(n ast.Node) bool {
				sel, ok := n.(*ast.SelectorExpr)
				if !ok || !slices.Contains(reads, sel.Sel.Name) || !ofServer(sel.X) {
					return true
				}
				if found++; !strings.HasPrefix(name, "../parts/") || receiver(fn) != "reading" {
					t.Errorf("%s: %s reads what is stored beside a reading", name, fn.Name.Name)
				}
				return true
			})
		}
	}
	if found < 4 || len(files) < 5 || len(inside) < 10 {
		t.Errorf("%d places that read were found: is this test looking at the right thing?", found)
	}
}

// ofServer reports whether an expression is the repository of a server, or its store.
func ofServer(x ast.Expr) bool {
	for {
		sel, ok := x.(*ast.SelectorExpr)
		if !ok {
			return false
		}
		if root, ok := sel.X.(*ast.Ident); ok && slices.Contains([]string{"s", "d", "q", "rd"}, root.Name) {
			return true
		}
		x = sel.X
	}
}

// TestTheDoor: a request that can be read in two ways, or that has something its route does not know, is refused before
// anything else is checked.
func TestTheDoor(t *testing.T) {
	s, h := lone(t)
	key := sign.FromSeed([32]byte{1}, "one")
	ref, err := s.Repo.Store.PutBlob(t.Context(), strings.NewReader("text"), store.PutOptions{Media: "text/plain", Codec: object.CodecRaw})
	if err != nil {
		t.Fatal(err)
	}
	chain := peertest.Grant(t, s.Repo, key.Agent(), &scope.BlobRead{CID: ref.CID})
	id := ref.CID.String()
	for _, c := range []struct {
		method, target string
		header         http.Header
		body           string
		status         int
	}{
		{"GET", "/v1/blobs/" + id, nil, "", 200},
		{"GET", "/v1/blobs/" + strings.ToUpper(id), nil, "", 400},
		{"GET", "/v1/blobs/sha256:" + id, nil, "", 400},
		{"GET", "/v1/blobs/%" + fmt.Sprintf("%x", id[0]) + id[1:], nil, "", 400},
		{"GET", "/v1/blobs/" + id + "/", nil, "", 400},
		{"GET", "/v1//blobs/" + id, nil, "", 400},
		{"GET", "/v1/./blobs/" + id, nil, "", 400},
		{"GET", "/V1/blobs/" + id, nil, "", 404},
		{"GET", "/v1/blobs/" + id + "?other=1", nil, "", 400},
		{"GET", "/v1/blobs/" + id + "?proof&offset=0&offset=1", nil, "", 400},
		{"GET", "/v1/blobs/" + id + "?proof&%6fffset=0", nil, "", 400},
		{"GET", "/v1/blobs/" + id + "?proof;offset=0", nil, "", 400},
		{"GET", "/v1/blobs/" + id, http.Header{"Content-Encoding": {"gzip"}}, "", 415},
		{"GET", "/v1/blobs/" + id, http.Header{"Range": {"bytes=0-0", "bytes=1-1"}}, "", 400},
		{"GET", "/v1/blobs/" + id, nil, "a body", 400},
		{"HEAD", "/v1/blobs/" + id, nil, "", 200},
		{"HEAD", "/v1/blobs/" + id + "?proof", nil, "", 400},
		{"HEAD", "/v1/trees/" + id, nil, "", 405},
		{"HEAD", "/v1/tasks/" + id, nil, "", 405},
		{"OPTIONS", "/v1/blobs/" + id, nil, "", 405},
		{"GET", "/v1/trees/" + id, nil, "", 200},
		{"GET", "/v1/trees/" + id + "?bytes=1", nil, "", 400},
		{"POST", "/v1/trees/" + id, nil, string(encodeKeys([]transfer.Key{{Rank: 1, ID: ref.CID}})) + "x", 400},
		{"GET", "/v1/identity?a=b", nil, "", 400},
	} {
		if w := peertest.Ask(t, s.Repo, h, key, chain, c.method, c.target, c.header, []byte(c.body)); w.Code != c.status {
			t.Errorf("%s %s, %v: %d, expected %d: %s", c.method, c.target, c.header, w.Code, c.status, strings.TrimSpace(w.Body.String()))
		}
	}
	for _, name := range []string{auth.HeaderAgent, auth.HeaderTo, auth.HeaderTime, auth.HeaderNonce, auth.HeaderDigest, auth.HeaderCap, auth.HeaderSig} {
		r := httptest.NewRequestWithContext(context.Background(), http.MethodGet, "/v1/blobs/"+id, nil)
		if err := auth.Sign(r, key, s.Repo.Self(), nil, chain, nil, s.Repo.Now()); err != nil {
			t.Fatal(err)
		}
		r.Header.Add(name, r.Header.Get(name))
		w := httptest.NewRecorder()
		if h.ServeHTTP(w, r); name == auth.HeaderDigest && w.Code != http.StatusOK && w.Code != http.StatusBadRequest || name != auth.HeaderDigest && w.Code != http.StatusBadRequest {
			t.Errorf("%s twice: %d", name, w.Code)
		}
	}
	if err := readFrames(io.MultiReader(frames(t, true), strings.NewReader("more")), func(transfer.Part, func()) error { return nil }); err == nil {
		t.Error("bytes after the end of a stream were taken")
	}
}

// frames returns a stream with one part.
func frames(t *testing.T, end bool) io.Reader {
	t.Helper()
	var out bytes.Buffer
	if err := writeFrame(&out, transfer.Part{Kind: "bytes", ID: object.Sum([]byte("x")), Data: []byte("x")}); err != nil {
		t.Fatal(err)
	}
	if end {
		if err := writeFrame(&out, transfer.Part{Kind: frameEnd, ID: object.Sum(nil), Data: []byte{}}); err != nil {
			t.Fatal(err)
		}
	}
	return &out
}

// TestNoncesOfSeveralServers: a signed request works once, at any server on the repository, even one that is started
// afterwards.
func TestNoncesOfSeveralServers(t *testing.T) {
	s, first := lone(t)
	stop, err := s.Repo.ServeLocal()
	if err != nil {
		t.Fatal(err)
	}
	defer stop.Close()
	_, second := at(t, peertest.Beside(t, s.Repo))
	answeredOnce(t, s.Repo, first, second)
}

// TestNoncesOfReplicas: a signed request works once at all servers that share a database.
func TestNoncesOfReplicas(t *testing.T) {
	address := pgtest.Shared(t).Database(t)
	s, first := lone(t)
	stop, err := s.Repo.ServeLocal()
	if err != nil {
		t.Fatal(err)
	}
	defer stop.Close()
	other := peertest.Beside(t, s.Repo)
	_, second := at(t, other)
	for i, n := range []*repo.Repo{s.Repo, other} {
		db, err := postgres.Open(address, postgres.Options{})
		if err != nil {
			t.Fatal(err)
		}
		defer db.Close()
		if i == 0 {
			if err := db.Create(t.Context(), postgres.NewAbout("", true)); err != nil {
				t.Fatal(err)
			}
		}
		n.Packets.DB = db
	}
	answeredOnce(t, s.Repo, first, second)
}

// answeredOnce makes requests several times at two servers.
func answeredOnce(t *testing.T, n *repo.Repo, first, second http.Handler) {
	t.Helper()
	key := sign.FromSeed([32]byte{1}, "one")
	ref, err := n.Store.PutBlob(t.Context(), strings.NewReader("text"), store.PutOptions{Media: "text/plain", Codec: object.CodecRaw})
	if err != nil {
		t.Fatal(err)
	}
	chain := peertest.Grant(t, n, key.Agent(), &scope.BlobRead{CID: ref.CID})
	for round := range 4 {
		r := httptest.NewRequestWithContext(context.Background(), http.MethodGet, "/v1/blobs/"+ref.CID.String(), nil)
		if err := auth.Sign(r, key, n.Self(), nil, chain, nil, n.Now()); err != nil {
			t.Fatal(err)
		}
		handlers := []http.Handler{first, second, first, second}
		codes := make(chan int, len(handlers))
		for i := range handlers {
			h := handlers[(i+round)%len(handlers)]
			again := r.Clone(context.Background())
			go func() {
				w := httptest.NewRecorder()
				h.ServeHTTP(w, again)
				codes <- w.Code
			}()
		}
		taken := 0
		for range handlers {
			if code := <-codes; code == http.StatusOK {
				taken++
			} else if code != http.StatusForbidden {
				t.Errorf("status %d", code)
			}
		}
		if taken != 1 {
			t.Errorf("round %d: the request was answered %d times", round, taken)
		}
	}
}

// TestStrangersLeaveNothing: a refused request leaves no nonce behind.
func TestStrangersLeaveNothing(t *testing.T) {
	s, h := lone(t)
	stranger := sign.FromSeed([32]byte{9}, "stranger")
	id := object.SumText("x")
	for _, target := range []string{"/v1/blobs/", "/v1/trees/", "/v1/tasks/"} {
		if w := peertest.Ask(t, s.Repo, h, stranger, nil, http.MethodGet, target+id.String(), nil, nil); w.Code != 403 && w.Code != 404 {
			t.Errorf("%s: %d", target, w.Code)
		}
	}
	err := s.Repo.DB.Scan(t.Context(), "w/nonce/", "w/nonce/\xff", func(key string, _ []byte) error { return fmt.Errorf("%s is kept", key) })
	if err != nil {
		t.Error(err)
	}
}

// receiver returns the name of a method's type.
func receiver(fn *ast.FuncDecl) string {
	t := fn.Recv.List[0].Type
	if star, ok := t.(*ast.StarExpr); ok {
		t = star.X
	}
	id, _ := t.(*ast.Ident)
	if id == nil {
		return ""
	}
	return id.Name
}
