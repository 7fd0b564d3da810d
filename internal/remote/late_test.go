package remote_test

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/mythos-project/mythos/internal/peer"
	"github.com/mythos-project/mythos/internal/peer/peertest"
	"github.com/mythos-project/mythos/internal/remote"
)

// reordered delivers the copies of the first register out of order: one that is too late for the ledger's clock is
// answered first, and that answer reaches the caller after another copy was recorded.
type reordered struct {
	next   http.RoundTripper
	clock  *atomic.Int64 // of the ledger
	copies int
	answer *http.Response // to the late copy
	body   []byte
}

var errLine = errors.New("the line is bad")

func (d *reordered) RoundTrip(r *http.Request) (*http.Response, error) {
	if !strings.HasSuffix(r.URL.Path, "/register") || d.copies == 2 {
		return d.next.RoundTrip(r)
	}
	d.copies++
	late := d.copies == 1
	if late {
		d.clock.Store(int64(20 * time.Second))
	}
	res, err := d.next.RoundTrip(r)
	d.clock.Store(0)
	if err != nil {
		return nil, err
	}
	body, err := io.ReadAll(res.Body)
	if err != nil {
		return nil, err
	}
	if late { // it is asked again
		d.answer, d.body = res, body
		return nil, errLine
	}
	d.answer.Body = io.NopCloser(bytes.NewReader(d.body))
	return d.answer, nil
}

// TestLateCopy: a register of which one copy was refused as too old, and another was recorded
// meanwhile, is the attempt: its caller does not wait for itself.
func TestLateCopy(t *testing.T) {
	var clock atomic.Int64
	far := peertest.Later(t, "far", &clock)
	url := serve(t, far)
	line := &reordered{next: http.DefaultTransport, clock: &clock}
	c := from(t, far, url, remote.Options{Client: &peer.Client{URL: "http://" + url, HTTP: &http.Client{Transport: line}}}, time.Hour)
	other := from(t, far, url, remote.Options{}, time.Minute)
	out, err := c.call(t.Context(), "k")
	if err != nil || out.Replayed || c.runs.Load() != 1 || line.copies != 2 {
		t.Fatalf("%+v, %v, %d runs, %d copies", out, err, c.runs.Load(), line.copies)
	}
	recorded(t, far, c, other, "k", out.ReceiptID.String())
}
