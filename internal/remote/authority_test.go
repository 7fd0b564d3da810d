package remote_test

import (
	"errors"
	"testing"
	"time"

	"github.com/mythos-project/mythos/caps"
	"github.com/mythos-project/mythos/caps/scope"
	"github.com/mythos-project/mythos/exec"
	"github.com/mythos-project/mythos/internal/gateway/wire"
	"github.com/mythos-project/mythos/internal/peer"
	"github.com/mythos-project/mythos/internal/peer/peertest"
	"github.com/mythos-project/mythos/internal/remote"
	"github.com/mythos-project/mythos/internal/repo"
	"github.com/mythos-project/mythos/ledger"
	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/object/can"
)

// allowed is a capability of the repository far for an agent.
func allowed(t *testing.T, far *repo.Repo, to object.AgentID, what scope.Scope) caps.Chain {
	t.Helper()
	sc, err := scope.New(what)
	if err != nil {
		t.Fatal(err)
	}
	link, err := caps.Issue(far.Key, caps.Draft{Subject: to, Scope: sc, NotBefore: far.Now(), ExpiresAt: far.Now().Add(time.Hour)})
	if err != nil {
		t.Fatal(err)
	}
	return caps.Chain{link}
}

// TestSeveralTools: a capability for several tools is judged by the ledger's machine like one for a single tool.
func TestSeveralTools(t *testing.T) {
	far := peertest.Repo(t, "far")
	c := from(t, far, serve(t, far), remote.Options{}, time.Minute)
	c.chain = allowed(t, far, c.Self(), &scope.ToolsCall{ToolIDs: []object.Hash{c.tool}, MaxCalls: 1})
	if _, err := c.call(t.Context(), "k"); err != nil {
		t.Fatal(err)
	}
	if _, err := c.call(t.Context(), "another"); !errors.Is(err, caps.ErrQuota) {
		t.Errorf("a second call: %v", err)
	}
}

// TestNarrowAuthority: at a ledger elsewhere, no capability pays for, records or shows what it does not cover.
func TestNarrowAuthority(t *testing.T) {
	far := peertest.Repo(t, "far")
	url := serve(t, far)
	one, two := from(t, far, url, remote.Options{}, time.Minute), from(t, far, url, remote.Options{}, time.Minute)
	if _, err := one.call(t.Context(), "k"); err != nil {
		t.Fatal(err)
	}
	other := allowed(t, far, two.Self(), &scope.ToolCall{ToolID: object.SumText("another tool"), MaxCalls: 100})
	exact := allowed(t, far, two.Self(), &scope.ToolCall{ToolID: two.tool, MaxCalls: 100, Constraints: map[string]string{"eq:/to": "staging"}})
	idem := ledger.IdemID(two.tool, []byte("k"))
	for name, chain := range map[string]caps.Chain{"another tool": other, "a constraint": exact, "a blob": allowed(t, far, two.Self(), &scope.BlobRead{CID: two.tool})} {
		if s, err := two.ledger.History(t.Context(), idem, chain); err != nil || len(s.History) != 0 {
			t.Errorf("under a capability for %s: %d entries, %v", name, len(s.History), err)
		}
	}
	if s, err := two.ledger.History(t.Context(), idem, two.chain); err != nil || len(s.History) == 0 {
		t.Errorf("under a capability for the tool: %d entries, %v", len(s.History), err)
	}
	if s, err := one.ledger.History(t.Context(), idem, allowed(t, far, one.Self(), &scope.ToolCall{ToolID: one.tool, MaxCalls: 1, Constraints: map[string]string{"eq:/to": "staging"}})); err != nil || len(s.History) == 0 {
		t.Errorf("its own: %d entries, %v", len(s.History), err)
	}
	single := allowed(t, far, two.Self(), &scope.ToolCall{ToolID: two.tool, MaxCalls: 1})
	post := func(path string, body []byte) ([]byte, error) {
		res, err := two.ledger.Client.Post(t.Context(), path, other, body)
		if err != nil {
			return nil, err
		}
		return peer.ReadAll(res, wire.MaxBody)
	}
	ask, err := can.Marshal(&wire.Ask{ToolID: two.tool, Key: []byte{}, Request: []byte("production"), Caps: [][]byte{single[0].Raw}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := post("/v1/charges", ask); err == nil {
		t.Error("one capability was used at the cost of another")
	}
	_, raw, err := ledger.NewReceipt(two.Key, ledger.Receipt{ToolID: two.tool, RequestHash: object.SumText("q"), ResponseHash: object.SumText("a"), IdempotencyKey: []byte{}, TimeObserved: two.Now(), Status: exec.StatusOK, Evidence: []object.Hash{other[0].ID}})
	if err != nil {
		t.Fatal(err)
	}
	if answer, err := post("/v1/receipts", raw); err == nil {
		if a, err := object.Decode[wire.Answer](answer); err != nil || a.Verdict != wire.Refused {
			t.Errorf("a receipt of a tool that its capability is not for was recorded: %v", err)
		}
	}
	if id, _, err := ledger.OpenReceipt(raw); err == nil {
		if _, err := far.Ledger.Receipt(t.Context(), id.ReceiptID); !errors.Is(err, ledger.ErrNotFound) {
			t.Errorf("the receipt is there: %v", err)
		}
	}
}
