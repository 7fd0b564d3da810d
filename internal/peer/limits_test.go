package peer

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/mythos-project/mythos/internal/peer/auth"
	"github.com/mythos-project/mythos/internal/peer/peertest"
	"github.com/mythos-project/mythos/internal/repo"
	"github.com/mythos-project/mythos/object/sign"
)

// readied returns a started server whose parts are called directly.
func readied(t *testing.T, n *repo.Repo, services ...Service) *Server {
	t.Helper()
	s := &Server{Repo: n, Log: slog.New(slog.DiscardHandler), Services: services}
	if _, _, err := s.Start(context.Background()); err != nil {
		t.Fatal(err)
	}
	return s
}

// limitedServer answers every request of n's agents within the limits: a GET with 1 MiB, a PUT with the number of bytes
// received.
func limitedServer(t *testing.T, l Limits) (*Server, *httptest.Server) {
	t.Helper()
	s := readied(t, peertest.Repo(t, "far"))
	s.SetLimits(l)
	server := httptest.NewServer(s.limited(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get(auth.HeaderAgent) != "" {
			if _, err := (Door{s}).Caller(r, func(Asker) error { return nil }); err != nil {
				Door{s}.Refuse(w, r, err)
				return
			}
		}
		if r.Method == http.MethodPut {
			_, _ = io.Copy(io.Discard, r.Body)
			return
		}
		_, _ = w.Write(make([]byte, 1<<20))
	})))
	t.Cleanup(server.Close)
	return s, server
}

// ask makes a request, signed by key unless that is nil.
func (s *Server) ask(t *testing.T, method, url string, key *sign.Key, body []byte) *http.Response {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, url, bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if key != nil {
		if err := auth.Sign(r, key, s.Repo.Self(), nil, nil, body, s.Repo.Now()); err != nil {
			t.Fatal(err)
		}
	}
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if _, err := io.Copy(io.Discard, res.Body); err != nil {
		t.Fatal(err)
	}
	return res
}

// TestBytesOfOnePeer: bytes are counted for the agent that asks, in each direction, and for the address until the
// sender is proved. Traffic over the limit is slowed down.
func TestBytesOfOnePeer(t *testing.T) {
	s, server := limitedServer(t, Limits{Rate: 1000, Bytes: 2 << 20})
	one, two := sign.FromSeed([32]byte{1}, "one"), sign.FromSeed([32]byte{2}, "two")
	began := time.Now()
	s.ask(t, http.MethodGet, server.URL, one, nil) // the burst
	s.ask(t, http.MethodGet, server.URL, one, nil)
	s.ask(t, http.MethodGet, server.URL, one, nil) // from here on half a second each
	s.ask(t, http.MethodGet, server.URL, one, nil)
	if took := time.Since(began); took < 900*time.Millisecond {
		t.Errorf("4 MiB at 2 MiB a second, of which 2 at once, took %v", took)
	}
	left := func(who string, in bool) float64 {
		a := s.peers.named(who)
		if in {
			return a.in.Tokens()
		}
		return a.out.Tokens()
	}
	if got := left(two.Agent().KeyHex(), false); got < 2<<20 {
		t.Errorf("another agent has %v bytes left", got)
	}
	if got := left("127.0.0.1", false); got < 2<<20 {
		t.Errorf("the address has %v bytes left: they are the agent's", got)
	}
	began = time.Now()
	s.ask(t, http.MethodPut, server.URL, two, make([]byte, 3<<20))
	if took := time.Since(began); took < 400*time.Millisecond {
		t.Errorf("3 MiB sent at 2 MiB a second took %v", took)
	}
	began = time.Now()
	for range 3 {
		s.ask(t, http.MethodGet, server.URL, nil, nil)
	}
	if took := time.Since(began); took < 400*time.Millisecond {
		t.Errorf("3 MiB to nobody in particular, at 2 MiB a second, took %v", took)
	}
}

// TestRequestsOfOnePeer: an agent that asks too often is told to wait, from any address; a change of the limits takes
// effect at once.
func TestRequestsOfOnePeer(t *testing.T) {
	s, server := limitedServer(t, Limits{Rate: 0.0001}) // a burst of one
	key := sign.FromSeed([32]byte{1}, "one")
	last := func() *http.Response { return s.ask(t, http.MethodPut, server.URL, key, nil) }
	if res := last(); res.StatusCode != http.StatusOK {
		t.Fatalf("the first: %s", res.Status)
	}
	res := last()
	if res.StatusCode != http.StatusTooManyRequests || res.Header.Get("Retry-After") == "" {
		t.Errorf("%s, Retry-After %q", res.Status, res.Header.Get("Retry-After"))
	}
	s.peers.of["127.0.0.1"] = s.peers.named("elsewhere") // as from another address
	if res := last(); res.StatusCode != http.StatusTooManyRequests || res.Header.Get("Retry-After") == "" {
		t.Errorf("from elsewhere: %s, Retry-After %q", res.Status, res.Header.Get("Retry-After"))
	}
	s.SetLimits(Limits{Rate: 1000})
	if res := last(); res.StatusCode != http.StatusOK {
		t.Errorf("with other limits: %s", res.Status)
	}
}

// TestRequestsUnderWay: one address cannot use up all places.
func TestRequestsUnderWay(t *testing.T) {
	s := readied(t, peertest.Repo(t, "far"))
	s.SetLimits(Limits{Rate: 1000})
	release, held := make(chan struct{}), make(chan struct{}, maxStreams)
	h := s.limited(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { held <- struct{}{}; <-release }))
	ask := func(from string) int {
		r := httptest.NewRequestWithContext(context.Background(), http.MethodGet, "/healthz", strings.NewReader(""))
		r.RemoteAddr = from + ":1"
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		return w.Code
	}
	for range maxOfPeer {
		go ask("192.0.2.1")
		<-held
	}
	if got := ask("192.0.2.1"); got != http.StatusTooManyRequests {
		t.Errorf("one more of the same address: %d", got)
	}
	answered := make(chan int)
	go func() { answered <- ask("192.0.2.2") }()
	<-held
	close(release)
	if got := <-answered; got != http.StatusOK {
		t.Errorf("another address: %d", got)
	}
}

// TestConnectionsOfOneAddress: connections of one address cannot use up all there are, and no longer count once they
// are closed.
func TestConnectionsOfOneAddress(t *testing.T) {
	inner, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l := &sharedListener{Listener: inner, of: map[string]int{}}
	accepted := make(chan net.Conn, 2*maxConns)
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				close(accepted)
				return
			}
			accepted <- c
		}
	}()
	dial := func() net.Conn {
		t.Helper()
		c, err := net.Dial("tcp", inner.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = c.Close() })
		return c
	}
	var first net.Conn
	for range maxConns {
		dial()
		if first = <-accepted; first == nil {
			t.Fatal("not accepted")
		}
	}
	if _, err := dial().Read(make([]byte, 1)); err == nil {
		t.Error("one more is answered")
	}
	for range 2 { // closing twice counts once
		_ = first.Close()
	}
	dial()
	<-accepted
	if _, err := dial().Read(make([]byte, 1)); err == nil {
		t.Error("one more after another was closed is answered")
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	if _, more := <-accepted; more {
		t.Error("one too many was accepted")
	}
}

// TestHostOf: what counts as one address.
func TestHostOf(t *testing.T) {
	for in, want := range map[string]string{
		"192.0.2.1:80": "192.0.2.1", "[::ffff:192.0.2.1]:80": "192.0.2.1", "[2001:db8::1]:80": "2001:db8::/64",
		"[2001:db8::ffff:1]:81": "2001:db8::/64", "[fe80::1%eth0]:80": "fe80::/64", "@": "@",
	} {
		if got := hostOf(in); got != want {
			t.Errorf("%s: %s, expected %s", in, got, want)
		}
	}
}
