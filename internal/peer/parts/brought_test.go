package parts

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/mythos-project/mythos/caps"
	"github.com/mythos-project/mythos/caps/scope"
	"github.com/mythos-project/mythos/internal/peer"
	"github.com/mythos-project/mythos/internal/peer/auth"
	"github.com/mythos-project/mythos/internal/peer/peertest"
	"github.com/mythos-project/mythos/internal/transfer"
	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/object/can"
	"github.com/mythos-project/mythos/object/merkle"
	"github.com/mythos-project/mythos/object/sign"
	"github.com/mythos-project/mythos/store"
)

// pushed returns the answer to a push of parts for a root.
func (s *Service) pushed(t *testing.T, h http.Handler, key *sign.Key, chain caps.Chain, root object.Hash, parts ...transfer.Part) (int, string) {
	t.Helper()
	var body bytes.Buffer
	w := bufio.NewWriter(&body)
	keys, size := []transfer.Key{}, 0
	for _, p := range parts {
		keys = append(keys, p.Key())
		size += len(p.Data)
	}
	list := encodeKeys(keys)
	if err := writeFrame(w, transfer.Part{Kind: frameIDs, ID: root, Data: list}); err != nil {
		t.Fatal(err)
	}
	for _, p := range parts {
		if err := writeFrame(w, p); err != nil {
			t.Fatal(err)
		}
	}
	if err := writeEnd(w, root); err != nil {
		t.Fatal(err)
	}
	return s.pushRaw(t, h, key, chain, root, uint64(size), list, &body)
}

func (s *Service) pushRaw(t *testing.T, h http.Handler, key *sign.Key, chain caps.Chain, root object.Hash, size uint64, list []byte, body io.Reader) (int, string) {
	t.Helper()
	r := httptest.NewRequestWithContext(context.Background(), http.MethodPut, "/v1/trees/"+root.String()+"?bytes="+strconv.FormatUint(size, 10), body)
	if err := auth.Sign(r, key, s.Repo.Self(), nil, chain, list, s.Repo.Now()); err != nil {
		t.Fatal(err)
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w.Code, strings.TrimSpace(w.Body.String())
}

// listOf returns the tree of a list of hashes, as parts.
func listOf(t *testing.T, values ...object.Hash) (object.Hash, []transfer.Part) {
	t.Helper()
	nodes := collected{}
	b := merkle.NewListBuilder(&nodes)
	for _, v := range values {
		if err := b.Add(v); err != nil {
			t.Fatal(err)
		}
	}
	root, err := b.Finish()
	if err != nil {
		t.Fatal(err)
	}
	return root.CID, nodes.parts
}

type collected struct{ parts []transfer.Part }

// PutNode implements merkle.NodeWriter.
func (c *collected) PutNode(cid object.Hash, raw []byte) error {
	c.parts = append(c.parts, transfer.Part{Kind: "node", ID: cid, Data: bytes.Clone(raw)})
	return nil
}

// TestPushesTellNothing: a pusher gets the same answer about what others have stored as about what nobody has, however
// it asks, and no ref keeps what it did not send.
func TestPushesTellNothing(t *testing.T) {
	s, h := lone(t)
	key := sign.FromSeed([32]byte{1}, "one")
	chain := peertest.Grant(t, s.Repo, key.Agent(), &scope.BlobWrite{Namespace: "x", MaxSize: 10 << 20, MediaAllow: []string{"*/*"}})
	data := make([]byte, 600_000)
	rng := rand.NewChaCha8([32]byte{5})
	_, _ = rng.Read(data)
	payroll, err := s.Repo.Store.PutBlob(t.Context(), bytes.NewReader(data), store.PutOptions{ChunkSize: 256 << 10, Media: "text/x-payroll", Codec: object.CodecRaw})
	if err != nil {
		t.Fatal(err)
	}
	note, err := s.Repo.Store.PutBlob(t.Context(), strings.NewReader("a short secret"), store.PutOptions{Media: "text/x-note", Codec: object.CodecRaw})
	if err != nil {
		t.Fatal(err)
	}
	secret, err := s.Repo.Auth.Issue(t.Context(), caps.Draft{Subject: s.Repo.Self(), Scope: chain[0].Cap.Scope, NotBefore: s.Repo.Now(), ExpiresAt: s.Repo.Now() + 1e9})
	if err != nil {
		t.Fatal(err)
	}
	absent := func(ref object.BlobRef) object.BlobRef { ref.CID = object.SumText("nobody has it"); return ref }
	refPart := func(ref object.BlobRef) transfer.Part {
		ref.Media = "text/plain"
		raw, err := can.Marshal(&ref)
		if err != nil {
			t.Fatal(err)
		}
		return transfer.Part{Kind: "blob", ID: ref.CID, Data: raw}
	}
	same := func(what string, root, other object.Hash, parts, others []transfer.Part) {
		t.Helper()
		code, text := s.pushed(t, h, key, chain, root, parts...)
		code2, text2 := s.pushed(t, h, key, chain, other, others...)
		if code/100 == 2 || code != code2 || strings.ReplaceAll(text, root.Short(), "") != strings.ReplaceAll(text2, other.Short(), "") {
			t.Errorf("%s: there %d %q, not there %d %q", what, code, text, code2, text2)
		}
	}
	for _, ref := range []object.BlobRef{payroll, note} {
		gone := absent(ref)
		same("an empty push", ref.CID, gone.CID, nil, nil)
		same("a push of its reference alone", ref.CID, gone.CID, []transfer.Part{refPart(ref)}, []transfer.Part{refPart(gone)})
		if now, err := s.Repo.Store.BlobRef(t.Context(), ref.CID); err != nil || now.Media != ref.Media {
			t.Errorf("the reference is now %+v, %v", now, err)
		}
	}
	there, partsThere := listOf(t, secret.ID)
	gone, partsGone := listOf(t, object.SumText("no such object"))
	same("a list that names it", there, gone, partsThere, partsGone)
	for kind, ids := range map[string][2]object.Hash{"bytes": {note.CID, object.SumText("x")}, "node": {payroll.CID, object.SumText("x")}, "blob": {payroll.CID, object.SumText("x")}, "Capability": {secret.ID, object.SumText("x")}} {
		answers := [2]int{}
		for i, id := range ids {
			var body bytes.Buffer
			w := bufio.NewWriter(&body)
			if err := writeFrame(w, itemFrame(transfer.Item{Kind: kind, ID: id})); err != nil {
				t.Fatal(err)
			}
			if err := writeEnd(w, id); err != nil {
				t.Fatal(err)
			}
			answers[i] = peertest.Ask(t, s.Repo, h, key, chain, http.MethodPost, "/v1/trees/"+payroll.CID.String()+"/missing", nil, body.Bytes()).Body.Len()
		}
		if answers != [2]int{keySize, keySize} {
			t.Errorf("missing %s: %d bytes for what is there, %d for what is not", kind, answers[0], answers[1])
		}
	}
	err = s.Repo.Store.Refs(t.Context(), func(name string, _ object.Hash) error {
		if strings.HasPrefix(name, "pushed/") {
			t.Errorf("@%s is there", name)
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}

// TestPushedIsPaidOnce: an interrupted push costs what arrived, and the next one the rest; a third one, and one whose
// bytes are under another capability, nothing.
func TestPushedIsPaidOnce(t *testing.T) {
	s, h := lone(t)
	var busy sync.WaitGroup
	far := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		busy.Add(1)
		defer busy.Done()
		h.ServeHTTP(w, r)
	}))
	defer far.Close()
	near := peertest.Repo(t, "far")
	self := s.Repo.Self()
	const size, most = 40 << 20, 100 << 20
	data := make([]byte, size)
	rng := rand.NewChaCha8([32]byte{6})
	_, _ = rng.Read(data)
	ref, err := near.Store.PutBlob(t.Context(), bytes.NewReader(data), store.PutOptions{ChunkSize: 1 << 20, Media: "text/plain", Codec: object.CodecRaw})
	if err != nil {
		t.Fatal(err)
	}
	write := &scope.BlobWrite{Namespace: "ci", MaxSize: most, MediaAllow: []string{"text/plain"}}
	chain := peertest.Grant(t, s.Repo, near.Self(), write)
	used := func(of caps.Chain) uint64 {
		t.Helper()
		u, err := s.Repo.Quotas.Used(t.Context(), of[0].ID)
		if err != nil {
			t.Fatal(err)
		}
		return u[scope.Bytes]
	}
	cut := &peer.Client{Repo: near, URL: far.URL, Key: &self, HTTP: &http.Client{Transport: cutting{after: 25 << 20}}}
	if _, err := Push(t.Context(), cut, ref.CID, chain, nil); err == nil {
		t.Fatal("the push was not cut off")
	}
	far.CloseClientConnections()
	busy.Wait()
	first := used(chain)
	if first == 0 || first > 25<<20 {
		t.Errorf("%d bytes are charged for a push that was cut off after %d", first, 25<<20)
	}
	cl := &peer.Client{Repo: near, URL: far.URL, Key: &self}
	got, err := Push(t.Context(), cl, ref.CID, chain, nil)
	if err != nil {
		t.Fatal(err)
	}
	if total := used(chain); total != first+uint64(got.Bytes) || total < size || total > size+1<<16 {
		t.Errorf("%d bytes are charged, %d of them before; the blob has %d", total, first, size)
	}
	before := used(chain)
	if again, err := Push(t.Context(), cl, ref.CID, chain, nil); err != nil || again.Parts != 0 || used(chain) != before {
		t.Errorf("again: %+v, %v, %d bytes charged", again, err, used(chain))
	}
	other := peertest.Grant(t, s.Repo, near.Self(), &scope.BlobWrite{Namespace: "ci", MaxSize: most, MediaAllow: []string{"image/png"}})
	var refused *peer.StatusError
	if _, err := Push(t.Context(), cl, ref.CID, other, nil); !errors.As(err, &refused) || refused.Status != http.StatusForbidden {
		t.Errorf("under a capability for another media type, with nothing to send: %v", err)
	}
	small := peertest.Grant(t, s.Repo, near.Self(), &scope.BlobWrite{Namespace: "ci", MaxSize: 10, MediaAllow: []string{"*/*"}})
	if _, err := Push(t.Context(), cl, ref.CID, small, nil); err != nil {
		t.Errorf("what was brought and paid for before: %v", err)
	}
	third := peertest.Repo(t, "far")
	if _, err := third.Store.PutBlob(t.Context(), bytes.NewReader(data), store.PutOptions{ChunkSize: 1 << 20, Media: "text/plain", Codec: object.CodecRaw}); err != nil {
		t.Fatal(err)
	}
	theirs := peertest.Grant(t, s.Repo, third.Self(), write)
	if got, err := Push(t.Context(), &peer.Client{Repo: third, URL: far.URL, Key: &self}, ref.CID, theirs, nil); err != nil || got.Bytes < size || used(theirs) != uint64(got.Bytes) {
		t.Errorf("another agent brings it, too: %+v, %v, %d bytes charged", got, err, used(theirs))
	}
}

// cutting breaks the connection in the middle of a body.
type cutting struct{ after int64 }

func (c cutting) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Method == http.MethodPut {
		r.Body = io.NopCloser(io.MultiReader(io.LimitReader(r.Body, c.after), failing{}))
	}
	return http.DefaultTransport.RoundTrip(r)
}

type failing struct{}

func (failing) Read([]byte) (int, error) { return 0, io.ErrClosedPipe }

// TestPushBeyondWhatIsLeft: more than a capability allows is refused before it is read, and two pushes at the same time
// store no more than it allows.
func TestPushBeyondWhatIsLeft(t *testing.T) {
	s, h := lone(t)
	key := sign.FromSeed([32]byte{1}, "one")
	chain := peertest.Grant(t, s.Repo, key.Agent(), &scope.BlobWrite{Namespace: "x", MaxSize: 1000, MediaAllow: []string{"*/*"}})
	part := func(text string) []transfer.Part {
		ref := object.BlobRef{CID: object.Sum([]byte(text)), Size: uint64(len(text)), Media: "text/plain", Codec: object.CodecRaw}
		raw, err := can.Marshal(&ref)
		if err != nil {
			t.Fatal(err)
		}
		return []transfer.Part{{Kind: "bytes", ID: ref.CID, Data: []byte(text)}, {Kind: "blob", ID: ref.CID, Data: raw}}
	}
	text := strings.Repeat("a", 600)
	if code, why := s.pushed(t, h, key, chain, object.Sum([]byte(text)), part(text)...); code != http.StatusOK {
		t.Fatalf("%d %s", code, why)
	}
	other := strings.Repeat("b", 600)
	if code, _ := s.pushRaw(t, h, key, chain, object.Sum([]byte(other)), 600, encodeKeys(nil), failing{}); code != http.StatusForbidden {
		t.Errorf("more than is left: %d", code)
	}
}
