package remote_test

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/mythos-project/mythos/caps"
	"github.com/mythos-project/mythos/caps/scope"
	"github.com/mythos-project/mythos/internal/peer"
	"github.com/mythos-project/mythos/internal/peer/peertest"
	"github.com/mythos-project/mythos/internal/peers"
	"github.com/mythos-project/mythos/internal/remote"
	"github.com/mythos-project/mythos/ledger"
	"github.com/mythos-project/mythos/object"
)

// lossy is a network that loses traffic to some paths.
type lossy struct {
	unsent   []string // requests for paths with these endings are not sent
	answered string   // these arrive, and their answers are lost
}

func (l *lossy) RoundTrip(r *http.Request) (*http.Response, error) {
	if slices.ContainsFunc(l.unsent, func(end string) bool { return strings.HasSuffix(r.URL.Path, end) }) {
		return nil, &net.OpError{Op: "dial", Net: "tcp", Err: errors.New("no route to host")}
	}
	res, err := http.DefaultTransport.RoundTrip(r)
	if err != nil || l.answered == "" || !strings.HasSuffix(r.URL.Path, l.answered) {
		return res, err
	}
	res.Body.Close()
	return nil, io.ErrUnexpectedEOF
}

// through lets a caller reach the ledger over a lossy network, without patience.
func (c *caller) through(t *testing.T, url string, l *lossy) {
	t.Helper()
	client := &peer.Client{URL: url, HTTP: &http.Client{Transport: l}}
	c.open(t, remote.Options{Client: client, Patience: time.Millisecond, Insistence: time.Millisecond})
}

// TestOwedTooLate: the capability is revoked before what is owed can be delivered, or the receipt is too old by then.
// The key is released nevertheless, and the next command works.
func TestOwedTooLate(t *testing.T) {
	far := peertest.Repo(t, "far")
	url := "http://" + serve(t, far)
	c := from(t, far, strings.TrimPrefix(url, "http://"), remote.Options{}, time.Minute)
	good := c.chain
	issue := func() caps.Chain {
		link, err := caps.Issue(far.Key, caps.Draft{Subject: c.Self(), Scope: good[0].Cap.Scope, NotBefore: far.Now().Add(-48 * time.Hour), ExpiresAt: far.Now().Add(time.Hour)})
		if err != nil {
			t.Fatal(err)
		}
		return caps.Chain{link}
	}
	revoked, old := issue(), issue()
	c.chain = revoked
	c.through(t, url, &lossy{answered: "/register", unsent: []string{"/end", "/receipts"}})
	if _, err := c.call(t.Context(), "k"); err == nil || c.runs.Load() != 0 {
		t.Fatalf("%v, %d runs", err, c.runs.Load())
	}
	if s := at(t, far, c.tool, "k"); s.At(far.Now()) != ledger.StatusPending {
		t.Fatalf("the effect is %s", s.At(far.Now()))
	}
	now := c.Gate.Now
	for i, ago := range []time.Duration{0, 25 * time.Hour} {
		c.chain = []caps.Chain{revoked, old}[i]
		c.Gate.Now = func() object.Time { return now().Add(-ago) }
		var owed *remote.UndeliveredError
		if _, err := c.call(t.Context(), ""); !errors.As(err, &owed) || c.runs.Load() != int64(i+1) {
			t.Fatalf("%v, %d runs", err, c.runs.Load())
		}
	}
	c.Gate.Now = now
	if _, _, err := far.Auth.Revoke(t.Context(), far.Self(), revoked[0].ID); err != nil {
		t.Fatal(err)
	}
	c.open(t, remote.Options{Client: peer.To(c.Repo, peers.Peer{URL: url})})
	if s := at(t, far, c.tool, "k"); s.At(far.Now()) != ledger.StatusReleased {
		t.Errorf("the effect is %s", s.At(far.Now()))
	}
	if used, err := far.Quotas.Used(t.Context(), revoked[0].ID); err != nil || used[scope.Calls] != 1 {
		t.Errorf("charged %v, %v", used, err)
	}
	c.chain = good
	if out, err := c.call(t.Context(), "k"); err != nil || out.Replayed {
		t.Errorf("%+v, %v", out, err)
	}
}

// held is a network that holds a register back until it is opened, and reports when the next one is answered.
type held struct {
	next     http.RoundTripper
	later    atomic.Bool
	came     chan struct{} // closed when the first register has arrived
	until    chan struct{}
	answered chan struct{}
}

func (h *held) RoundTrip(r *http.Request) (*http.Response, error) {
	if !strings.HasSuffix(r.URL.Path, "/register") {
		return h.next.RoundTrip(r)
	}
	if !h.later.Swap(true) {
		close(h.came)
		<-h.until
	}
	res, err := h.next.RoundTrip(r)
	h.answered <- struct{}{}
	return res, err
}

// TestNotProven: a register is recorded, but the ledger cannot be reached for its proof. The tool is not run, and the
// key is released.
func TestNotProven(t *testing.T) {
	far := peertest.Repo(t, "far")
	url := "http://" + serve(t, far)
	c := from(t, far, strings.TrimPrefix(url, "http://"), remote.Options{}, time.Minute)
	h := &held{next: &lossy{unsent: []string{"/proofs"}}, came: make(chan struct{}), until: make(chan struct{}), answered: make(chan struct{}, 16)}
	c.open(t, remote.Options{Client: &peer.Client{URL: url, HTTP: &http.Client{Transport: h}}, Patience: time.Millisecond})
	call := func(key string) <-chan error {
		ended := make(chan error, 1)
		go func() {
			_, err := c.call(context.Background(), key)
			ended <- err
		}()
		return ended
	}
	other := call("other")
	<-h.came
	unproven := call("k")
	<-h.answered // without a proof: that of the other one is asked for
	close(h.until)
	var lost *remote.UnreachableError
	if err := <-other; err != nil && !errors.As(err, &lost) { // its commit may also have to be proven separately
		t.Error(err)
	}
	if err := <-unproven; !errors.As(err, &lost) || c.runs.Load() != 1 {
		t.Errorf("%v, %d runs", err, c.runs.Load())
	}
	if s := at(t, far, c.tool, "k"); s.At(far.Now()) != ledger.StatusReleased {
		t.Errorf("the effect is %s", s.At(far.Now()))
	}
}

// TestNotSent: a register that was never sent leaves nothing, there or here.
func TestNotSent(t *testing.T) {
	far := peertest.Repo(t, "far")
	url := "http://" + serve(t, far)
	c := from(t, far, strings.TrimPrefix(url, "http://"), remote.Options{}, time.Minute)
	c.through(t, url, &lossy{unsent: []string{"/register"}})
	var lost *remote.UnreachableError
	if _, err := c.call(t.Context(), "k"); !errors.As(err, &lost) || !lost.Unsent || c.runs.Load() != 0 {
		t.Fatalf("%v, %d runs", err, c.runs.Load())
	}
	c.open(t, remote.Options{Client: peer.To(c.Repo, peers.Peer{URL: url})})
	if s := at(t, far, c.tool, "k"); len(s.History) != 0 {
		t.Errorf("the effect is %s, with %d entries", s.At(far.Now()), len(s.History))
	}
}
