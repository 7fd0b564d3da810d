package remote_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/mythos-project/mythos/internal/peer"
	"github.com/mythos-project/mythos/internal/peer/peertest"
	"github.com/mythos-project/mythos/internal/peers"
	"github.com/mythos-project/mythos/internal/remote"
	"github.com/mythos-project/mythos/internal/repo"
	"github.com/mythos-project/mythos/ledger"
	"github.com/mythos-project/mythos/ledger/kvledger"
	"github.com/mythos-project/mythos/ledger/mlog"
)

// line is a network between a caller and a server. It carries bytes until it has carried as
// many as it was told, and then cuts every connection; what comes later is carried again,
// or not.
type line struct {
	net.Listener
	to string

	mu    sync.Mutex
	left  int // bytes; negative: no end
	dead  bool
	conns map[net.Conn]bool
	total atomic.Int64
}

func newLine(t testing.TB, to string) *line {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	n := &line{Listener: l, to: to, left: -1, conns: map[net.Conn]bool{}}
	var running sync.WaitGroup
	running.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			running.Go(func() { n.carry(c) })
		}
	})
	t.Cleanup(func() {
		l.Close()
		n.cut()
		running.Wait()
	})
	return n
}

// until lets the line carry so many bytes; dies says that it carries nothing after that.
func (n *line) until(bytes int, dies bool) {
	n.cut()
	n.mu.Lock()
	defer n.mu.Unlock()
	n.left, n.dead = bytes, dies
	n.total.Store(0)
}

func (n *line) cut() {
	n.mu.Lock()
	defer n.mu.Unlock()
	for c := range n.conns {
		if tcp, ok := c.(*net.TCPConn); ok {
			_ = tcp.SetLinger(0) // a reset
		}
		c.Close()
	}
}

// take takes from what is left; how much of it may pass.
func (n *line) take(want int) (passes int, cut bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.total.Add(int64(want))
	switch {
	case n.left < 0 && n.dead:
		return 0, true
	case n.left < 0:
		return want, false
	case want <= n.left:
		n.left -= want
		return want, false
	}
	passes, n.left = n.left, -1
	return passes, true
}

func (n *line) carry(c net.Conn) {
	s, err := net.Dial("tcp", n.to)
	if err != nil {
		c.Close()
		return
	}
	n.mu.Lock()
	n.conns[c], n.conns[s] = true, true
	n.mu.Unlock()
	var both sync.WaitGroup
	for _, way := range [][2]net.Conn{{c, s}, {s, c}} {
		both.Go(func() {
			defer way[1].Close()
			defer way[0].Close()
			b := make([]byte, 4096)
			for {
				k, err := way[0].Read(b)
				passes, cut := n.take(k)
				if _, werr := way[1].Write(b[:passes]); err != nil || werr != nil {
					return
				}
				if cut {
					n.cut()
					return
				}
			}
		})
	}
	both.Wait()
	n.mu.Lock()
	delete(n.conns, c)
	delete(n.conns, s)
	n.mu.Unlock()
}

// cuts are the places at which a line of so many bytes is cut: some, or all of them.
func cuts(total int64) (list []int) {
	step := total/24 + 1
	if every, err := strconv.ParseInt(os.Getenv("MYTHOS_TEST_CUT_EVERY"), 10, 64); err == nil {
		step = max(every, 1)
	}
	for at := int64(0); at < total; at += step {
		list = append(list, int(at))
	}
	return list
}

// exchange is how many bytes one call moves.
func exchange(t *testing.T, n *line, c *caller) int64 {
	t.Helper()
	n.until(-1, false)
	if _, err := c.call(t.Context(), "measure"); err != nil {
		t.Fatal(err)
	}
	return n.total.Load()
}

// TestCuts: the line is cut at a byte of a call and carries again. The call ends with the
// tool's answer, the tool ran once, and the ledger has its receipt.
func TestCuts(t *testing.T) {
	far := peertest.Repo(t, "far")
	n := newLine(t, serve(t, far))
	c, other := from(t, far, n.Addr().String(), remote.Options{}, time.Minute), from(t, far, n.Addr().String(), remote.Options{}, time.Minute)
	list := cuts(exchange(t, n, c))
	for i, at := range list {
		key, before := fmt.Sprint("cut ", i), c.runs.Load()
		n.until(at, false)
		out, err := c.call(t.Context(), key)
		if err != nil || out.Replayed || c.runs.Load() != before+1 {
			t.Fatalf("cut after %d bytes: %+v, %v, %d runs", at, out, err, c.runs.Load()-before)
		}
		recorded(t, far, c, other, key, out.ReceiptID.String())
	}
	if len(list) < 20 {
		t.Errorf("only %d places", len(list))
	}
	t.Logf("cut at %d places of %d bytes", len(list), list[len(list)-1]+1)
}

// recorded checks that the ledger has one attempt and its receipt, and that it is replayed.
func recorded(t *testing.T, far *repo.Repo, c, other *caller, key, receipt string) {
	t.Helper()
	s := at(t, far, c.tool, key)
	if s.Commit == nil || s.Mark != nil || s.Fence != 1 || s.Commit.ReceiptID.String() != receipt {
		t.Fatalf("%s: the ledger has %s", key, s.At(far.Now()))
	}
	if out, err := other.call(t.Context(), key); err != nil || !out.Replayed || out.ReceiptID.String() != receipt || other.runs.Load() != 0 {
		t.Fatalf("%s, asked again: %+v, %v", key, out, err)
	}
}

// TestDeadLine: the line is cut and stays dead. The call does not say that it is done; what
// happened is delivered when the line carries again, what did not happen leaves the key free.
func TestDeadLine(t *testing.T) {
	far := peertest.Repo(t, "far")
	n := newLine(t, serve(t, far))
	o := remote.Options{Patience: 50 * time.Millisecond, Insistence: 50 * time.Millisecond}
	c, other := from(t, far, n.Addr().String(), o, time.Minute), from(t, far, n.Addr().String(), remote.Options{}, time.Minute)
	told, ran := 0, 0
	for i, at := range cuts(exchange(t, n, c)) {
		key, before := fmt.Sprint("dead ", i), c.runs.Load()
		o.Client = peer.To(c.Repo, peers.Peer{URL: "http://" + n.Addr().String()})
		c.open(t, o)
		n.until(at, true)
		_, err := c.call(t.Context(), key)
		if err == nil {
			told++ // only what it need not wait for was lost
		}
		runs := c.runs.Load() - before
		n.until(-1, false)
		c.open(t, remote.Options{Client: peer.To(c.Repo, peers.Peer{URL: "http://" + n.Addr().String()})}) // the next command, which delivers
		s := where(t, far, c, key)
		switch {
		case runs == 1 && s != ledger.StatusCommitted, runs == 0 && s != ledger.StatusReleased && s != ledger.StatusNone, runs > 1:
			t.Fatalf("dead after %d bytes: %d runs, and the effect is %s (%v)", at, runs, s, err)
		}
		var owed *remote.UndeliveredError
		if err != nil && (runs == 1) != errors.As(err, &owed) && !errors.Is(err, mlog.ErrCheckpoint) {
			var lost *remote.UnreachableError
			if runs == 1 && !errors.As(err, &lost) {
				t.Fatalf("dead after %d bytes, %d runs: %v", at, runs, err)
			}
		}
		out, err := c.call(t.Context(), key)
		if err != nil || out.Replayed != (runs == 1) || c.runs.Load() != before+1 {
			t.Fatalf("after %d bytes and a new line: %+v, %v, %d runs", at, out, err, c.runs.Load()-before)
		}
		if again, err := other.call(t.Context(), key); err != nil || !again.Replayed || again.ReceiptID != out.ReceiptID || other.runs.Load() != 0 {
			t.Fatalf("%s, asked again: %+v, %v", key, again, err)
		}
		ran += int(runs)
	}
	if ran == 0 || told > ran {
		t.Errorf("of the calls over a dead line %d ran, %d were told done", ran, told)
	}
}

func where(t *testing.T, far *repo.Repo, c *caller, key string) ledger.Status {
	s := at(t, far, c.tool, key)
	return s.At(far.Now())
}

// twice sends each request two times at once.
type twice struct {
	next  http.RoundTripper
	taken atomic.Int64 // of the copies
}

func (d *twice) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Body == nil || !strings.Contains(r.URL.Path, "/effects/") {
		return d.next.RoundTrip(r)
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	copied := make(chan error, 1)
	signed := &httptrace.ClientTrace{WroteHeaders: sync.OnceFunc(func() { // before that there is no signature to copy
		q := r.Clone(context.Background())
		q.Body = io.NopCloser(bytes.NewReader(body))
		go func() {
			res, err := d.next.RoundTrip(q)
			if err == nil {
				if res.StatusCode == http.StatusOK {
					d.taken.Add(1)
				}
				err = res.Body.Close()
			}
			copied <- err
		}()
	})}
	q := r.WithContext(httptrace.WithClientTrace(r.Context(), signed))
	q.Body = io.NopCloser(bytes.NewReader(body))
	res, err := d.next.RoundTrip(q)
	if err != nil {
		return nil, err
	}
	return res, <-copied
}

// TestTwice: requests that come twice have one effect.
func TestTwice(t *testing.T) {
	far := peertest.Repo(t, "far")
	url := serve(t, far)
	copies := &twice{next: http.DefaultTransport}
	double := &peer.Client{URL: "http://" + url, HTTP: &http.Client{Transport: copies}}
	c, other := from(t, far, url, remote.Options{Client: double}, time.Minute), from(t, far, url, remote.Options{}, time.Minute)
	for i := range 5 {
		key := fmt.Sprint("twice ", i)
		out, err := c.call(t.Context(), key)
		if err != nil || out.Replayed || c.runs.Load() != int64(i+1) {
			t.Fatalf("%+v, %v", out, err)
		}
		recorded(t, far, c, other, key, out.ReceiptID.String())
	}
	used, err := far.Quotas.Used(t.Context(), c.chain[0].ID)
	if err != nil || used["calls"] != 5 {
		t.Errorf("charged %v, %v", used, err)
	}
	if n := copies.taken.Load(); n != 2*5 {
		t.Errorf("%d copies were taken", n)
	}
}

// lying changes one bit of each answer, somewhere else each time.
type lying struct {
	next http.RoundTripper
	at   *atomic.Int64
}

func (l lying) RoundTrip(r *http.Request) (*http.Response, error) {
	res, err := l.next.RoundTrip(r)
	if err != nil || res.StatusCode != http.StatusOK || !strings.Contains(r.URL.Path, "/effects/") {
		return res, err
	}
	body, err := io.ReadAll(res.Body)
	if err != nil {
		return nil, err
	}
	if len(body) > 0 {
		at := int(l.at.Add(37)) % (8 * len(body))
		body[at/8] ^= 1 << (at % 8)
	}
	res.Body = io.NopCloser(bytes.NewReader(body))
	return res, nil
}

// TestLies: an answer with a bit that is wrong makes nobody run a tool that is not registered,
// and nobody say that something is recorded which is not. A ledger that is not the one that
// was seen before is not believed.
func TestLies(t *testing.T) {
	far := peertest.Repo(t, "far")
	url := serve(t, far)
	liar := &peer.Client{URL: "http://" + url, HTTP: &http.Client{Transport: lying{http.DefaultTransport, &atomic.Int64{}}}}
	c := from(t, far, url, remote.Options{Client: liar, Patience: 10 * time.Millisecond, Insistence: 10 * time.Millisecond}, time.Minute)
	for i := range 40 {
		key, before := fmt.Sprint("lie ", i), c.runs.Load()
		_, err := c.call(t.Context(), key)
		s := at(t, far, c.tool, key)
		if ran := c.runs.Load() > before; ran && s.Fence == 0 || err == nil && s.Commit == nil {
			t.Fatalf("ran %t, %v, and the ledger has %s", ran, err, s.At(far.Now()))
		}
	}
	good := from(t, far, url, remote.Options{}, time.Minute)
	if _, err := good.call(t.Context(), "k"); err != nil {
		t.Fatal(err)
	}
	if err := good.ledger.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	split := kvledger.Open(peertest.Repo(t, "split").DB, far.Key, far.Now)
	honest := far.Ledger
	far.Ledger = split
	other := serve(t, far)
	far.Ledger = honest
	aside := &peer.Client{URL: "http://" + url, HTTP: &http.Client{Transport: redirected{other}}}
	good.open(t, remote.Options{Client: aside})
	if _, err := good.call(t.Context(), "another"); !errors.Is(err, mlog.ErrCheckpoint) || good.runs.Load() != 1 {
		t.Errorf("a ledger beside the one that was seen: %v, %d runs", err, good.runs.Load())
	}
}

// redirected sends requests to another address.
type redirected struct{ to string }

func (r redirected) RoundTrip(q *http.Request) (*http.Response, error) {
	q.URL.Host = r.to
	return http.DefaultTransport.RoundTrip(q)
}
