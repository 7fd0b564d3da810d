// Package peertest has what the tests of peers share: repositories, what they know of each other, and signed requests.
package peertest

import (
	"bytes"
	"context"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/mythos-project/mythos/caps"
	"github.com/mythos-project/mythos/caps/scope"
	"github.com/mythos-project/mythos/exec/ir/asm"
	"github.com/mythos-project/mythos/internal/config"
	"github.com/mythos-project/mythos/internal/engine"
	"github.com/mythos-project/mythos/internal/keyfile"
	"github.com/mythos-project/mythos/internal/packets"
	"github.com/mythos-project/mythos/internal/peer/auth"
	"github.com/mythos-project/mythos/internal/repo"
	"github.com/mythos-project/mythos/internal/task"
	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/object/sign"
	"github.com/mythos-project/mythos/store"
)

// Programs that return a text, and that would run for hours.
const (
	Hello   = ".const g text \"hello\"\n.task #\"sym:main\" () budget { cpu 50000, io 10, writes 10 }\n\tconst r0, $g\n\tret r0\n"
	Endless = ".task #\"sym:main\" () budget { cpu 100000000000000, io 10, writes 10 }\nagain: jmp @again\n"
)

// Repo makes a repository.
func Repo(t testing.TB, name string) *repo.Repo { return Later(t, name, new(atomic.Int64)) }

// Later makes a repository whose clock is ahead by this many nanoseconds.
func Later(t testing.TB, name string, later *atomic.Int64) *repo.Repo {
	t.Helper()
	dir := t.TempDir()
	if _, _, err := repo.Init(dir, name, engine.Make); err != nil {
		t.Fatal(err)
	}
	return open(t, filepath.Join(dir, repo.Folder), func() object.Time { return object.TimeOf(time.Now().Add(time.Duration(later.Load()))) })
}

// Beside opens the repository of n a second time, as another process would.
func Beside(t testing.TB, n *repo.Repo) *repo.Repo {
	t.Helper()
	return open(t, n.Dir, n.Now)
}

func open(t testing.TB, dir string, now func() object.Time) *repo.Repo {
	t.Helper()
	n, err := repo.Open(context.Background(), dir, repo.Options{Config: &config.Config{Lease: time.Minute, Busy: time.Minute}, Now: now})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = n.Close() })
	return n
}

// Serve serves until the test ends, and returns the address.
func Serve(t testing.TB, s interface {
	Serve(ctx context.Context, l net.Listener) error
}) (addr string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- s.Serve(ctx, l) }()
	t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	return l.Addr().String()
}

// Trust makes a repository accept packets of another.
func Trust(t testing.TB, n, of *repo.Repo, name string) {
	t.Helper()
	if err := n.Trust.Add(keyfile.Entry{Name: name, Key: of.Self().KeyHex(), For: []string{keyfile.ForPacket}}); err != nil {
		t.Fatal(err)
	}
}

// Grant issues a capability from a repository's own agent to another.
func Grant(t testing.TB, by *repo.Repo, to object.AgentID, what scope.Scope) caps.Chain {
	t.Helper()
	sc, err := scope.New(what)
	if err != nil {
		t.Fatal(err)
	}
	link, err := caps.Issue(by.Key, caps.Draft{Subject: to, Scope: sc, NotBefore: by.Now(), ExpiresAt: by.Now().Add(time.Hour)})
	if err != nil {
		t.Fatal(err)
	}
	return caps.Chain{link}
}

// Random stores a blob of several chunks.
func Random(t testing.TB, n *repo.Repo, size int, seed uint64) ([]byte, object.BlobRef) {
	t.Helper()
	data := make([]byte, size)
	rng := rand.NewChaCha8([32]byte{byte(seed)})
	_, _ = rng.Read(data)
	return data, Put(t, n, data)
}

// Put stores a blob.
func Put(t testing.TB, n *repo.Repo, data []byte) object.BlobRef {
	t.Helper()
	ref, err := n.Store.PutBlob(t.Context(), bytes.NewReader(data), store.PutOptions{ChunkSize: 256 << 10, Media: "application/octet-stream", Codec: object.CodecRaw})
	if err != nil {
		t.Fatal(err)
	}
	return ref
}

// Ask calls a handler of n with a request signed by key.
func Ask(t testing.TB, n *repo.Repo, h http.Handler, key *sign.Key, chain caps.Chain, method, target string, headers http.Header, body []byte) *httptest.ResponseRecorder {
	t.Helper()
	r := httptest.NewRequestWithContext(context.Background(), method, target, bytes.NewReader(body))
	for name, values := range headers {
		r.Header[name] = values
	}
	covered := body
	if len(body) == 0 {
		covered = nil
	}
	if err := auth.Sign(r, key, n.Self(), nil, chain, covered, n.Now()); err != nil {
		t.Fatal(err)
	}
	w := httptest.NewRecorder()
	func() {
		defer func() {
			if v := recover(); v != nil && v != http.ErrAbortHandler { //nolint:errorlint // as net/http compares it
				panic(v)
			}
		}()
		h.ServeHTTP(w, r)
	}()
	return w
}

// Left submits a program to n, which stores it as a task of a server that is gone and does not run it.
func Left(t testing.TB, n *repo.Repo, state string) task.Task {
	t.Helper()
	return LeftOf(t, n, Hello, "gone", state)
}

// LeftOf stores a task of a program that a server has.
func LeftOf(t testing.TB, n *repo.Repo, program, server, state string) task.Task {
	t.Helper()
	ctx := context.Background()
	bundle, err := asm.Assemble([]byte(program))
	if err != nil {
		t.Fatal(err)
	}
	raw, err := n.Packets.Pack(bundle, packets.PackOptions{Guard: true})
	if err != nil {
		t.Fatal(err)
	}
	got, err := n.Packets.Accept(ctx, raw)
	if err != nil {
		t.Fatal(err)
	}
	tk := task.Task{ID: got.Packet.ID(), State: task.Queued, Author: got.Author.KeyHex(), Submitted: n.Now()}
	tk.Server = server
	if _, err = n.Tasks.Add(ctx, tk, raw); err == nil && state == task.Running {
		_, _, err = n.Tasks.Claim(ctx, tk.ID, tk.Server)
	}
	if err != nil {
		t.Fatal(err)
	}
	return tk
}
