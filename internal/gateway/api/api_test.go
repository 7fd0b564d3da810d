package api_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/mythos-project/mythos/caps"
	"github.com/mythos-project/mythos/caps/scope"
	"github.com/mythos-project/mythos/exec"
	"github.com/mythos-project/mythos/internal/evidence"
	"github.com/mythos-project/mythos/internal/gateway/api"
	"github.com/mythos-project/mythos/internal/gateway/bearer"
	"github.com/mythos-project/mythos/internal/peer"
	"github.com/mythos-project/mythos/internal/peer/peertest"
	"github.com/mythos-project/mythos/internal/problem"
	"github.com/mythos-project/mythos/internal/repo"
	"github.com/mythos-project/mythos/ledger"
	"github.com/mythos-project/mythos/ledger/kvledger"
	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/object/sign"
)

// gate is a repository that serves, with a tool that does what a test says.
type gate struct {
	*repo.Repo
	url, bearer string
	runs        atomic.Int64
	run         func(exec.Call) (exec.Response, error)
}

func (g *gate) Run(_ context.Context, call exec.Call) (exec.Response, error) {
	g.runs.Add(1)
	return g.run(call)
}

func serve(t *testing.T) *gate {
	t.Helper()
	n := peertest.Repo(t, "far")
	g := &gate{Repo: n, run: func(exec.Call) (exec.Response, error) {
		return exec.Response{Status: exec.StatusOK, Body: []byte("done")}, nil
	}}
	tool, err := exec.Tool{Name: "deploy", Module: exec.ModuleRef{Kind: exec.KindHTTP, URL: "http://127.0.0.1:1/", Method: "POST", Confinement: exec.ConfineRemote}}.Complete()
	if err == nil {
		tool, err = n.Tools.Add(t.Context(), tool)
	}
	if err != nil {
		t.Fatal(err)
	}
	n.Gate.Runners[exec.KindHTTP] = g
	g.bearer = g.made(t, tool.ID)
	g.url = "http://" + peertest.Serve(t, &peer.Server{Repo: n, Log: slog.New(slog.DiscardHandler), Services: []peer.Service{api.For(n)}})
	return g
}

// made makes a bearer token for calls of a tool.
func (g *gate) made(t *testing.T, tool object.Hash) string {
	t.Helper()
	sc, err := scope.New(&scope.ToolCall{ToolID: tool, MaxCalls: 100})
	if err != nil {
		t.Fatal(err)
	}
	now := g.Now()
	link, err := g.Auth.Issue(t.Context(), caps.Draft{Subject: g.Self(), Scope: sc, NotBefore: now, ExpiresAt: now.Add(time.Hour)})
	if err != nil {
		t.Fatal(err)
	}
	text, err := bearer.Make(g.Key, caps.Chain{link}, now, now.Add(time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// said is the content of any answer.
type said struct {
	HTTP     int    `json:"-"`
	Status   int    `json:"status"`
	Outcome  string `json:"outcome"`
	Replayed bool   `json:"replayed"`
	Response string `json:"response"`
	Receipt  string `json:"receipt"`
	Kind     string `json:"kind"`
}

func (g *gate) ask(ctx context.Context, key, body string, headers ...string) (said, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, g.url+"/v1/tools/deploy", strings.NewReader(body))
	if err != nil {
		return said{}, err
	}
	r.Header.Set("Authorization", "Bearer "+g.bearer)
	r.Header.Set("Idempotency-Key", `"`+key+`"`)
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		return said{}, err
	}
	defer res.Body.Close()
	v := said{HTTP: res.StatusCode}
	if want := map[bool]string{true: "application/json", false: problem.MediaType}[v.HTTP == http.StatusOK]; res.Header.Get("Content-Type") != want {
		return v, errors.New("an answer of type " + res.Header.Get("Content-Type"))
	}
	return v, json.NewDecoder(res.Body).Decode(&v)
}

// TestCutConnection: an attempt continues when its caller is gone. Meanwhile the key is under way, and afterwards its
// answer comes from the record.
func TestCutConnection(t *testing.T) {
	g := serve(t)
	begun, hold := make(chan struct{}, 1), make(chan struct{})
	g.run = func(c exec.Call) (exec.Response, error) {
		begun <- struct{}{}
		<-hold
		return exec.Response{Status: exec.StatusOK, Body: append([]byte("to "), c.Request...)}, nil
	}
	ctx, cut := context.WithCancel(t.Context())
	gone := make(chan error, 1)
	go func() {
		_, err := g.ask(ctx, "k", "production")
		gone <- err
	}()
	<-begun
	cut()
	if err := <-gone; !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	if v, err := g.ask(t.Context(), "k", "production"); err != nil || v.HTTP != http.StatusConflict || v.Outcome != api.UnderWay {
		t.Errorf("%+v, %v", v, err)
	}
	waited := make(chan said, 1)
	go func() {
		v, err := g.ask(context.Background(), "k", "production", "Prefer", "wait=600")
		if err != nil {
			t.Error(err)
		}
		waited <- v
	}()
	close(hold)
	if v := <-waited; v.HTTP != http.StatusOK || v.Response != "to production" {
		t.Errorf("%+v", v)
	}
	if v, err := g.ask(t.Context(), "k", "elsewhere"); err != nil || v.HTTP != http.StatusUnprocessableEntity || v.Outcome != api.NotHappened {
		t.Errorf("%+v, %v", v, err)
	}
	if n := g.runs.Load(); n != 1 {
		t.Errorf("%d runs", n)
	}
}

// TestOutcomes: an unknown outcome is distinguished from one that certainly did not happen, at once and every time
// afterwards.
func TestOutcomes(t *testing.T) {
	g := serve(t)
	for _, c := range []struct {
		key     string
		run     func(exec.Call) (exec.Response, error)
		http    int
		outcome string
		runs    int64 // after a second request
	}{
		{"lost", func(exec.Call) (exec.Response, error) { return exec.Response{}, exec.ErrLost }, http.StatusGatewayTimeout, api.Unknown, 1},
		{"absent", func(exec.Call) (exec.Response, error) { return exec.Response{}, exec.ErrNotStarted }, http.StatusServiceUnavailable, api.NotHappened, 2},
		{"failed", func(exec.Call) (exec.Response, error) {
			return exec.Response{Status: exec.StatusFailed, Body: []byte("why")}, nil
		}, http.StatusBadGateway, api.Recorded, 1},
	} {
		g.run = c.run
		before := g.runs.Load()
		for range 2 {
			if v, err := g.ask(t.Context(), c.key, ""); err != nil || v.HTTP != c.http || v.Status != c.http || v.Outcome != c.outcome {
				t.Errorf("%s: %+v, %v", c.key, v, err)
			}
		}
		if n := g.runs.Load() - before; n != c.runs {
			t.Errorf("%s: %d runs", c.key, n)
		}
	}
	if _, err := g.Ledger.Verify(t.Context()); err != nil {
		t.Error(err)
	}
}

// TestAuthority: what a bearer token does not cover is refused before anything is registered.
func TestAuthority(t *testing.T) {
	g := serve(t)
	good := g.bearer
	g.bearer = g.made(t, object.SumText("another tool"))
	if v, err := g.ask(t.Context(), "k", ""); err != nil || v.HTTP != http.StatusForbidden || v.Outcome != "" || v.Receipt == "" {
		t.Errorf("another tool: %+v, %v", v, err)
	}
	_, chain, err := bearer.Open(good, g.Self(), g.Now())
	if err != nil {
		t.Fatal(err)
	}
	if g.bearer, err = caps.ExportText(chain); err != nil {
		t.Fatal(err)
	}
	if v, err := g.ask(t.Context(), "k", ""); err != nil || v.HTTP != http.StatusUnauthorized {
		t.Errorf("a capability: %+v, %v", v, err)
	}
	if g.runs.Load() != 0 {
		t.Errorf("the tool has run")
	}
	g.bearer = good
	if v, err := g.ask(t.Context(), "k", ""); err != nil || v.HTTP != http.StatusOK || v.Replayed {
		t.Errorf("%+v, %v", v, err)
	}
}

// TestVerify: anybody may ask whether a receipt counts here.
func TestVerify(t *testing.T) {
	g := serve(t)
	v, err := g.ask(t.Context(), "k", "")
	if err != nil {
		t.Fatal(err)
	}
	id, err := object.ParseHash(v.Receipt)
	if err != nil {
		t.Fatal(err)
	}
	own, err := g.Ledger.ExportEvidence(t.Context(), id, kvledger.Authority{}, nil)
	if err != nil {
		t.Fatal(err)
	}
	line, err := evidence.AppendLine(nil, evidence.Line{ReceiptID: id, Evidence: own})
	if err != nil {
		t.Fatal(err)
	}
	_, stranger, err := ledger.NewReceipt(sign.FromSeed([32]byte{9}, "stranger"), ledger.Receipt{ToolID: id, RequestHash: id, ResponseHash: id, TimeObserved: 1, Status: 200})
	if err != nil {
		t.Fatal(err)
	}
	changed := bytes.Clone(own)
	changed[len(changed)/2] ^= 1
	for _, c := range []struct {
		name string
		data []byte
		http int
		want evidence.Verdict
	}{
		{"evidence", own, http.StatusOK, evidence.Verdict{OK: true, Intact: true, Trusted: true}},
		{"a line", line, http.StatusOK, evidence.Verdict{OK: true, Intact: true, Trusted: true}},
		{"a stranger's receipt", stranger, http.StatusOK, evidence.Verdict{Intact: true}},
		{"a changed byte", changed, http.StatusOK, evidence.Verdict{}},
		{"nothing", nil, http.StatusOK, evidence.Verdict{}},
		{"two lines", append(bytes.Clone(line), line...), http.StatusBadRequest, evidence.Verdict{}},
		{"too much", make([]byte, 4<<20+1), http.StatusRequestEntityTooLarge, evidence.Verdict{}},
	} {
		res, err := http.Post(g.url+"/v1/verify", "application/octet-stream", bytes.NewReader(c.data))
		if err != nil {
			t.Fatal(err)
		}
		var got evidence.Verdict
		raw, err := io.ReadAll(res.Body)
		_ = res.Body.Close()
		if err == nil && c.http == http.StatusOK {
			err = json.Unmarshal(raw, &got)
		}
		if err != nil || res.StatusCode != c.http || got.OK != c.want.OK || got.Intact != c.want.Intact || got.Trusted != c.want.Trusted || c.http == http.StatusOK && !got.Intact && got.Error == "" {
			t.Errorf("%s: %d %s, %v", c.name, res.StatusCode, raw, err)
		}
	}
}

// TestDescription: the served description names every operation.
func TestDescription(t *testing.T) {
	g := serve(t)
	res, err := http.Get(g.url + "/v1/openapi.json")
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	var doc struct {
		OpenAPI string                                `json:"openapi"`
		Paths   map[string]map[string]json.RawMessage `json:"paths"`
	}
	if err := json.NewDecoder(res.Body).Decode(&doc); err != nil || !strings.HasPrefix(doc.OpenAPI, "3.1.") {
		t.Fatalf("%+v, %v", doc, err)
	}
	for _, o := range api.Operations {
		if doc.Paths[o.Path][o.Method] == nil {
			t.Errorf("%s %s is not described", o.Method, o.Path)
		}
	}
}
