package gateway_test

import (
	"log/slog"
	"net/http"
	"testing"
	"time"

	"github.com/mythos-project/mythos/caps"
	"github.com/mythos-project/mythos/caps/scope"
	"github.com/mythos-project/mythos/internal/gateway"
	"github.com/mythos-project/mythos/internal/gateway/wire"
	"github.com/mythos-project/mythos/internal/peer"
	"github.com/mythos-project/mythos/internal/peer/peertest"
	"github.com/mythos-project/mythos/internal/repo"
	"github.com/mythos-project/mythos/ledger"
	"github.com/mythos-project/mythos/ledger/kvledger"
	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/object/can"
	"github.com/mythos-project/mythos/object/sign"
)

var (
	tool  = object.SumText("tool")
	scout = sign.FromSeed(object.SumText("scout").Sum, "scout")
)

// served is a repository and the handler that serves it.
func served(t *testing.T) (*repo.Repo, http.Handler) {
	t.Helper()
	n := peertest.Repo(t, "far")
	s := &peer.Server{Repo: n, Log: slog.New(slog.DiscardHandler), Services: []peer.Service{gateway.For(n)}}
	s.SetLimits(peer.Limits{Rate: 1e6})
	h, stop, err := s.Start(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := stop(t.Context()); err != nil {
			t.Error(err)
		}
	})
	return n, h
}

func entries(t *testing.T, n *repo.Repo) (size int) {
	t.Helper()
	if err := n.Ledger.Log(t.Context(), kvledger.Filter{}, func(ledger.Entry) error { size++; return nil }); err != nil {
		t.Fatal(err)
	}
	return size
}

func marshal(t *testing.T, v any) []byte {
	t.Helper()
	raw, err := can.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

// TestNothingIsLeft: a request without a capability, with somebody else's, with one for something else or an expired
// one, or with a body that the route does not accept changes nothing on any route.
func TestNothingIsLeft(t *testing.T) {
	n, h := served(t)
	call := &scope.ToolCall{ToolID: tool, MaxCalls: 9}
	other := sign.FromSeed(object.SumText("other").Sum, "other")
	expired := func() caps.Chain {
		sc, err := scope.New(call)
		if err != nil {
			t.Fatal(err)
		}
		link, err := caps.Issue(n.Key, caps.Draft{Subject: scout.Agent(), Scope: sc, NotBefore: n.Now().Add(-2 * time.Hour), ExpiresAt: n.Now().Add(-time.Hour)})
		if err != nil {
			t.Fatal(err)
		}
		return caps.Chain{link}
	}()
	good := peertest.Grant(t, n, scout.Agent(), call)
	chains := map[string]caps.Chain{"none": nil, "another agent's": peertest.Grant(t, n, other.Agent(), call), "for blobs": peertest.Grant(t, n, scout.Agent(), &scope.BlobRead{CID: tool}), "expired": expired}
	ask := wire.Ask{ToolID: tool, Key: []byte("k"), Request: []byte{}, Caps: [][]byte{}}
	idem := ledger.IdemID(tool, ask.Key).String()
	before := entries(t, n)
	for path, body := range map[string][]byte{
		"/v1/effects/" + idem + "/register": marshal(t, &ask),
		"/v1/effects/" + idem + "/wait":     marshal(t, &ask),
		"/v1/effects/" + idem + "/end":      marshal(t, &wire.Record{Receipt: []byte{}, Response: []byte{}}),
		"/v1/effects/" + idem + "/renew":    marshal(t, &wire.Renewal{Fence: 1}),
		"/v1/effects/" + idem + "/probed":   marshal(t, &wire.Probed{Ask: ask, Receipt: []byte{}, Answer: []byte{}}),
		"/v1/effects/" + idem + "/mark":     {},
		"/v1/charges":                       marshal(t, &wire.Ask{ToolID: tool, Key: []byte{}, Request: []byte{}, Caps: [][]byte{}}),
		"/v1/receipts":                      {},
		"/v1/log/proofs":                    marshal(t, &wire.Prove{Seqs: []uint64{0}}),
	} {
		for name, chain := range chains {
			if res := peertest.Ask(t, n, h, scout, chain, http.MethodPost, path, nil, body); taken(t, res.Code, res.Body.Bytes()) && path != "/v1/log/proofs" {
				t.Errorf("%s is taken with a capability that is %s", path, name)
			}
		}
		for name, garbage := range map[string][]byte{"nothing": {}, "no struct": []byte("garbage"), "another struct": marshal(t, &wire.Proof{Checkpoint: []byte{}, Consistency: []object.Hash{}, Places: []wire.Place{}}), "more than one": append(append([]byte{}, body...), body...)} {
			if res := peertest.Ask(t, n, h, scout, good, http.MethodPost, path, nil, garbage); taken(t, res.Code, res.Body.Bytes()) {
				t.Errorf("%s takes %s", path, name)
			}
		}
	}
	if after := entries(t, n); after != before {
		t.Errorf("%d entries were left", after-before)
	}
	if used, err := n.Quotas.Used(t.Context(), good[0].ID); err != nil || used[scope.Calls] != 0 {
		t.Errorf("charged %v, %v", used, err)
	}
}

// taken reports whether an answer lets something happen.
func taken(t *testing.T, status int, body []byte) bool {
	t.Helper()
	if status != http.StatusOK {
		return false
	}
	a, err := object.Decode[wire.Answer](body)
	if err != nil {
		t.Fatal(err)
	}
	return a.Verdict != wire.Refused
}
