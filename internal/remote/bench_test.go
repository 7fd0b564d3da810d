package remote_test

import (
	"fmt"
	"net/http"
	"sync/atomic"
	"testing"
	"time"

	"github.com/mythos-project/mythos/caps"
	"github.com/mythos-project/mythos/exec"
	"github.com/mythos-project/mythos/internal/peer"
	"github.com/mythos-project/mythos/internal/peer/peertest"
	"github.com/mythos-project/mythos/internal/remote"
)

// counting counts requests.
type counting struct {
	next http.RoundTripper
	n    atomic.Int64
}

func (c *counting) RoundTrip(r *http.Request) (*http.Response, error) {
	c.n.Add(1)
	return c.next.RoundTrip(r)
}

// TestRoundTrips: a call costs two requests, a replayed call one.
func TestRoundTrips(t *testing.T) {
	far := peertest.Repo(t, "far")
	url := serve(t, far)
	trips := &counting{next: http.DefaultTransport}
	c := from(t, far, url, remote.Options{Client: &peer.Client{URL: "http://" + url, HTTP: &http.Client{Transport: trips}}}, time.Minute)
	for i, want := range []int64{2, 1} {
		before := trips.n.Load()
		if out, err := c.call(t.Context(), "k"); err != nil || out.Replayed != (i == 1) {
			t.Fatalf("%+v, %v", out, err)
		}
		if got := trips.n.Load() - before; got != want {
			t.Errorf("call %d: %d requests, expected %d", i, got, want)
		}
	}
}

// BenchmarkCalls compares calls that are recorded here with those that are recorded elsewhere, by one caller and by 64
// (bench/gate.md).
func BenchmarkCalls(b *testing.B) {
	far := peertest.Repo(b, "far")
	elsewhere := from(b, far, serve(b, far), remote.Options{}, time.Minute)
	here := from(b, far, serve(b, far), remote.Options{}, time.Minute)
	here.Gate.Ledger, here.Gate.Quotas, here.Gate.Verifier = here.Repo.Ledger, here.Repo.Quotas, remote.Selector()
	var n atomic.Int64
	call := func(c *caller) error {
		_, err := c.Gate.Do(b.Context(), exec.Effect{Tool: c.tool, Request: []byte("production"), Key: fmt.Append(nil, n.Add(1)), Caps: []caps.Chain{c.chain}})
		return err
	}
	for _, m := range []struct {
		name string
		c    *caller
	}{{"here", here}, {"elsewhere", elsewhere}} {
		b.Run(m.name+"/1", func(b *testing.B) {
			for b.Loop() {
				if err := call(m.c); err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run(m.name+"/64", func(b *testing.B) {
			b.SetParallelism(32)
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					if err := call(m.c); err != nil {
						b.Error(err)
						return
					}
				}
			})
		})
	}
}
