package remote_test

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptrace"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/mythos-project/mythos/internal/linetest"
	"github.com/mythos-project/mythos/internal/peer"
	"github.com/mythos-project/mythos/internal/peer/peertest"
	"github.com/mythos-project/mythos/internal/peers"
	"github.com/mythos-project/mythos/internal/remote"
	"github.com/mythos-project/mythos/internal/repo"
	"github.com/mythos-project/mythos/ledger"
	"github.com/mythos-project/mythos/ledger/kvledger"
	"github.com/mythos-project/mythos/ledger/mlog"
)

// cut is a position in an exchange, and what happens there.
type cut struct {
	at  int // bytes that pass before it
	how linetest.How
}

func (c cut) String() string {
	return fmt.Sprintf("%s after %d bytes", []string{"a reset", "an end", "a hole"}[c.how], c.at)
}

// every returns how many bytes there are from one cut to the next; 0: so many that the test is short.
func every() int64 {
	n, err := strconv.ParseInt(os.Getenv("MYTHOS_TEST_CUT_EVERY"), 10, 64)
	if err != nil {
		return 0
	}
	return n
}

// cuts returns the cuts of an exchange of so many bytes: alternately a reset and the end of the stream, or both at each
// position.
func cuts(total int64) (list []cut) {
	step := cmp.Or(every(), total/24+1)
	for at := int64(0); at < total; at += step {
		for _, how := range []linetest.How{linetest.Reset, linetest.End} {
			if every() > 0 || len(list)%2 == int(how) && (len(list) == 0 || list[len(list)-1].at < int(at)) {
				list = append(list, cut{int(at), how})
			}
		}
	}
	return list
}

// exchange returns how many bytes one call transfers.
func exchange(t *testing.T, n *linetest.Line, c *caller) int64 {
	t.Helper()
	n.Set(linetest.Fault{})
	if _, err := c.call(t.Context(), "measure"); err != nil {
		t.Fatal(err)
	}
	return n.Carried()
}

// TestCuts: the connection is cut at a byte of a call, by a reset or by the end of the stream, and then works again.
// The call ends with the tool's answer, the tool ran once, and the ledger has its receipt.
func TestCuts(t *testing.T) {
	far := peertest.Repo(t, "far")
	n := linetest.New(t, serve(t, far))
	c, other := from(t, far, n.Addr(), remote.Options{}, time.Minute), from(t, far, n.Addr(), remote.Options{}, time.Minute)
	list := cuts(exchange(t, n, c))
	for i, cut := range list {
		key, before := fmt.Sprint("cut ", i), c.runs.Load()
		n.Set(linetest.Fault{Passes: linetest.After(cut.at), How: cut.how})
		out, err := c.call(t.Context(), key)
		if err != nil || out.Replayed || c.runs.Load() != before+1 {
			t.Fatalf("%s: %+v, %v, %d runs", cut, out, err, c.runs.Load()-before)
		}
		recorded(t, far, c, other, key, out.ReceiptID.String())
	}
	if len(list) < 20 {
		t.Errorf("only %d places", len(list))
	}
	t.Logf("%d cuts in %d bytes", len(list), list[len(list)-1].at+1)
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

// TestDeadLine: the connection is cut and remains dead. The call does not report success; what happened is delivered
// when the connection works again, what did not happen leaves the key free.
func TestDeadLine(t *testing.T) {
	far := peertest.Repo(t, "far")
	n := linetest.New(t, serve(t, far))
	o := remote.Options{Patience: 50 * time.Millisecond, Insistence: 50 * time.Millisecond}
	c, other := from(t, far, n.Addr(), o, time.Minute), from(t, far, n.Addr(), remote.Options{}, time.Minute)
	told, ran := 0, 0
	for i, cut := range cuts(exchange(t, n, c)) {
		key, before := fmt.Sprint("dead ", i), c.runs.Load()
		o.Client = peer.To(c.Repo, peers.Peer{URL: "http://" + n.Addr()})
		c.open(t, o)
		n.Set(linetest.Fault{Passes: linetest.After(cut.at), How: cut.how, Dead: true})
		_, err := c.call(t.Context(), key)
		if err == nil {
			told++ // only what it need not wait for was lost
		}
		runs := c.runs.Load() - before
		n.Set(linetest.Fault{})
		c.open(t, remote.Options{Client: peer.To(c.Repo, peers.Peer{URL: "http://" + n.Addr()})}) // the next command, which delivers
		s := where(t, far, c, key)
		switch {
		case runs == 1 && s != ledger.StatusCommitted, runs == 0 && s != ledger.StatusReleased && s != ledger.StatusNone, runs > 1:
			t.Fatalf("dead by %s: %d runs, and the effect is %s (%v)", cut, runs, s, err)
		}
		var owed *remote.UndeliveredError
		if err != nil && (runs == 1) != errors.As(err, &owed) && !errors.Is(err, mlog.ErrCheckpoint) {
			var lost *remote.UnreachableError
			if runs == 1 && !errors.As(err, &lost) {
				t.Fatalf("dead by %s, %d runs: %v", cut, runs, err)
			}
		}
		out, err := c.call(t.Context(), key)
		if err != nil || out.Replayed != (runs == 1) || c.runs.Load() != before+1 {
			t.Fatalf("dead by %s, and a new line: %+v, %v, %d runs", cut, out, err, c.runs.Load()-before)
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

// TestHalfOpen: the server is gone in the middle of a call, without notice. The caller gives up a request after a while
// and asks again: the tool ran once, and it is recorded.
func TestHalfOpen(t *testing.T) {
	far := peertest.Repo(t, "far")
	url := serve(t, far)
	other := from(t, far, url, remote.Options{}, time.Minute)
	first := linetest.New(t, url)
	total := exchange(t, first, from(t, far, first.Addr(), remote.Options{}, time.Minute))
	var all sync.WaitGroup // each one mostly waits
	const callers = 6
	receipts := sync.Map{} // by key
	step := cmp.Or(every(), total/callers+1)
	for i := range int64(callers) {
		n := linetest.New(t, url)
		c := from(t, far, n.Addr(), remote.Options{Try: time.Second, Patience: 5 * time.Minute}, time.Hour)
		all.Go(func() {
			for at := i * step; at < total; at += callers * step {
				cut, key, before := cut{int(at), linetest.Hole}, fmt.Sprint("half ", at), c.runs.Load()
				n.Set(linetest.Fault{Passes: linetest.After(cut.at), How: cut.how})
				out, err := c.call(t.Context(), key)
				if err != nil || out.Replayed || c.runs.Load() != before+1 {
					t.Errorf("%s: %+v, %v, %d runs", cut, out, err, c.runs.Load()-before)
					return
				}
				receipts.Store(key, out.ReceiptID.String())
			}
		})
	}
	all.Wait()
	done := int64(0)
	receipts.Range(func(key, receipt any) bool {
		done++
		recorded(t, far, other, other, key.(string), receipt.(string))
		return true
	})
	if want := (total + step - 1) / step; done != want {
		t.Errorf("%d of %d calls", done, want)
	}
}

// TestDelays: messages take sometimes less, sometimes more time than a caller waits for an answer, so that requests are
// given up but still arrive, after the ones that replaced them.
func TestDelays(t *testing.T) {
	far := peertest.Repo(t, "far")
	url := serve(t, far)
	other := from(t, far, url, remote.Options{}, time.Minute)
	var all sync.WaitGroup
	receipts := sync.Map{} // by key
	for i := range uint64(8) {
		n := linetest.New(t, url)
		c := from(t, far, n.Addr(), remote.Options{Try: 800 * time.Millisecond, Patience: 5 * time.Minute, Insistence: 5 * time.Minute}, time.Minute)
		var mu sync.Mutex
		rng := rand.New(rand.NewPCG(1, i))
		n.Delay(func() time.Duration {
			mu.Lock()
			defer mu.Unlock()
			return time.Duration(rng.IntN(900)) * time.Millisecond
		})
		n.Set(linetest.Fault{})
		all.Go(func() {
			key := fmt.Sprint("delayed ", i)
			out, err := c.call(t.Context(), key)
			if err != nil || out.Replayed || c.runs.Load() != 1 {
				t.Errorf("%s: %+v, %v, %d runs", key, out, err, c.runs.Load())
				return
			}
			receipts.Store(key, out.ReceiptID.String())
		})
	}
	all.Wait()
	receipts.Range(func(key, receipt any) bool {
		recorded(t, far, other, other, key.(string), receipt.(string))
		return true
	})
}

// TestHoleAtFirst: a server that does not answer the first contact is not waited for without end.
func TestHoleAtFirst(t *testing.T) {
	n := linetest.New(t, serve(t, peertest.Repo(t, "far")))
	n.Set(linetest.Fault{Passes: linetest.After(0), How: linetest.Hole, Dead: true})
	c := peertest.Repo(t, "near")
	o := remote.Options{Client: peer.To(c, peers.Peer{URL: "http://" + n.Addr()}), Local: c.Ledger, Signer: c.Key, Now: c.Now, KV: c.DB, Notef: t.Logf, Try: 50 * time.Millisecond}
	if _, err := remote.Open(t.Context(), o); !errors.Is(err, context.DeadlineExceeded) {
		t.Error(err)
	}
}

// TestSlices: a connection that carries one byte at a time, or more than a packet, changes nothing.
func TestSlices(t *testing.T) {
	far := peertest.Repo(t, "far")
	n := linetest.New(t, serve(t, far))
	for _, size := range []int{1, 7, 64 << 10} {
		n.Chunks(size)
		n.Set(linetest.Fault{})
		c, other := from(t, far, n.Addr(), remote.Options{}, time.Minute), from(t, far, n.Addr(), remote.Options{}, time.Minute)
		key := fmt.Sprint("slices of ", size)
		out, err := c.call(t.Context(), key)
		if err != nil || out.Replayed || c.runs.Load() != 1 {
			t.Fatalf("%d bytes at a time: %+v, %v", size, out, err)
		}
		recorded(t, far, c, other, key, out.ReceiptID.String())
	}
}

func where(t *testing.T, far *repo.Repo, c *caller, key string) ledger.Status {
	s := at(t, far, c.tool, key)
	return s.At(far.Now())
}

// twice sends each request two times at the same time.
type twice struct {
	next  http.RoundTripper
	taken atomic.Int64 // of the copies
	mu    sync.Mutex
	sent  []*http.Request // as they were signed
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
		late := r.Clone(context.Background())
		late.Body = io.NopCloser(bytes.NewReader(body))
		d.mu.Lock()
		d.sent = append(d.sent, late)
		d.mu.Unlock()
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

// late sends all requests once more.
func (d *twice) late(t *testing.T) (n int) {
	for _, r := range d.sent {
		res, err := d.next.RoundTrip(r)
		if err != nil {
			t.Fatal(err)
		}
		if err := res.Body.Close(); err != nil {
			t.Error(err)
		}
		n++
	}
	return n
}

// TestTwice: requests that arrive twice, at the same time or after everything is over, have one effect.
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
	entries := logSize(t, far)
	if n := copies.late(t); n != 2*5 || logSize(t, far) != entries {
		t.Errorf("%d copies that came late left %d entries", n, logSize(t, far)-entries)
	}
	used, err := far.Quotas.Used(t.Context(), c.chain[0].ID)
	if err != nil || used["calls"] != 5 {
		t.Errorf("charged %v, %v", used, err)
	}
	if n := copies.taken.Load(); n != 2*5 {
		t.Errorf("%d copies were taken", n)
	}
}

func logSize(t *testing.T, n *repo.Repo) (size int) {
	t.Helper()
	if err := n.Ledger.Log(t.Context(), kvledger.Filter{}, func(ledger.Entry) error { size++; return nil }); err != nil {
		t.Fatal(err)
	}
	return size
}

// lying changes one bit of each answer, at a different position each time.
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

// TestLies: an answer with a wrong bit never makes a tool run that is not registered, or makes the caller report
// something as recorded that is not. A ledger other than the one seen before is refused.
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
