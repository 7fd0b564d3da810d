package repo_test

import (
	"bytes"
	"context"
	"strings"
	"testing"

	"github.com/mythos-project/mythos/caps"
	"github.com/mythos-project/mythos/caps/scope"
	"github.com/mythos-project/mythos/exec"
	"github.com/mythos-project/mythos/internal/calls"
	"github.com/mythos-project/mythos/internal/repo"
	"github.com/mythos-project/mythos/ledger"
	"github.com/mythos-project/mythos/object"
)

// echoed adds the built-in test tool "test.echo" and gives a capability for it.
func echoed(t *testing.T, n *repo.Repo) caps.Chain {
	t.Helper()
	id := exec.BuiltinID("test.echo")
	n.Gate.Builtin("test.echo", exec.Builtin{
		Use: func(request []byte) (scope.Use, error) {
			return scope.Use{Kind: scope.KindToolCall, Tool: id, Request: request}, nil
		},
		Run: func(_ context.Context, c exec.Call) (exec.Response, error) {
			return exec.Response{Body: append([]byte("got "), c.Request...), Status: exec.StatusOK}, nil
		},
	})
	return issue(t, n, "tool.call:"+id.String())
}

// TestRedactedCall: the redacted episode has what the rules leave, its provenance says what it was made from, and the
// original request is stored nowhere.
func TestRedactedCall(t *testing.T) {
	n := open(t, t.TempDir(), clockAt())
	n.Gate.Capture = false
	chain := echoed(t, n)
	rules, err := n.Episodes.Redaction([]byte(`[{regex: '[a-z]+@example\.org', label: mail}]`))
	if err != nil {
		t.Fatal(err)
	}
	request := []byte(`{"n":5,"mail":"ann@example.org"}`)
	called, err := n.Caller.Call(t.Context(), calls.Spec{
		Tool: exec.BuiltinTool("test.echo"), Request: request, Key: []byte("k"), Caps: []caps.Chain{chain}, Trace: true, Redact: rules,
	})
	if err != nil {
		t.Fatal(err)
	}
	if called.Redacted == nil || string(called.Body) != "got "+string(request) || !called.Result.RunID.IsZero() {
		t.Fatalf("called: %+v", called)
	}
	raw, err := n.Source.Episode(t.Context(), *called.Redacted)
	if err != nil {
		t.Fatal(err)
	}
	e, err := object.Decode[object.EpisodeRef](raw)
	if err != nil {
		t.Fatal(err)
	}
	p := e.TraceRef.TraceBlob.Provenance
	if !rules.Made(e) || len(p.Parents) != 1 || p.Parents[0] != *called.Result.EpisodeID {
		t.Errorf("provenance %+v", p)
	}
	r := receiptOf(t, n, e.TraceRef.ReceiptIDs[0])
	if len(e.TraceRef.ReceiptIDs) != 1 || r.Evidence[0] != called.ReceiptID || r.ToolID != exec.BuiltinID("test.echo") {
		t.Errorf("receipt %+v", r)
	}
	for _, h := range []object.Hash{r.RequestHash, r.ResponseHash} {
		data, err := n.Store.Bytes(t.Context(), h)
		if err != nil || bytes.Contains(data, []byte("ann")) || !bytes.Contains(data, []byte(`"mail":"[mail:`)) || !bytes.Contains(data, []byte(`"n":5`)) {
			t.Errorf("payload %q, %v", data, err)
		}
	}
	if have, err := n.Store.HasBytes(t.Context(), object.Sum(request)); err != nil || have {
		t.Errorf("the request as it was is in the store: %t, %v", have, err)
	}
	again, err := n.Caller.Call(t.Context(), calls.Spec{
		Tool: exec.BuiltinTool("test.echo"), Request: request, Key: []byte("k"), Caps: []caps.Chain{chain}, Trace: true, Redact: rules,
	})
	if err != nil || !again.Replayed || again.Redacted != nil || !bytes.Equal(again.Body, called.Body) {
		t.Errorf("called again: %+v, %v", again, err)
	}
}

// TestRedactedLargeRequest: a request that is too long for the bundle reaches the disk only redacted, like any other.
func TestRedactedLargeRequest(t *testing.T) {
	n := open(t, t.TempDir(), clockAt())
	chain := echoed(t, n)
	rules, err := n.Episodes.Redaction([]byte(`[{regex: 'ann', of: request}]`))
	if err != nil {
		t.Fatal(err)
	}
	called, err := n.Caller.Call(t.Context(), calls.Spec{
		Tool: exec.BuiltinTool("test.echo"), Request: []byte(strings.Repeat("ann ", 5000)), Caps: []caps.Chain{chain}, Trace: true, Redact: rules,
	})
	if err != nil {
		t.Fatal(err)
	}
	raw, err := n.Source.Episode(t.Context(), *called.Redacted)
	if err != nil {
		t.Fatal(err)
	}
	e, err := object.Decode[object.EpisodeRef](raw)
	if err != nil || len(e.TraceRef.ReceiptIDs) != 1 {
		t.Fatalf("%+v, %v", e, err)
	}
	request := receiptOf(t, n, e.TraceRef.ReceiptIDs[0]).RequestHash
	if data, err := n.Store.Bytes(t.Context(), request); err != nil || bytes.Contains(data, []byte("ann")) {
		t.Errorf("request: %.80q, %v", data, err)
	}
}

func receiptOf(t *testing.T, n *repo.Repo, id object.Hash) *ledger.Receipt {
	t.Helper()
	raw, err := n.Source.ReceiptBytes(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	r, _, err := ledger.OpenReceipt(raw)
	if err != nil {
		t.Fatal(err)
	}
	return r
}
