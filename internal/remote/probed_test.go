package remote_test

import (
	"context"
	"errors"
	"io"
	"sync/atomic"
	"testing"
	"time"

	"github.com/mythos-project/mythos/caps"
	"github.com/mythos-project/mythos/caps/scope"
	"github.com/mythos-project/mythos/exec"
	"github.com/mythos-project/mythos/internal/gateway/wire"
	"github.com/mythos-project/mythos/internal/linetest"
	"github.com/mythos-project/mythos/internal/peer/peertest"
	"github.com/mythos-project/mythos/internal/remote"
	"github.com/mythos-project/mythos/internal/repo"
	"github.com/mythos-project/mythos/ledger"
	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/object/can"
)

// outside is a system that knows what happened.
type outside struct {
	counted
	probe  object.Hash
	answer string
	asked  atomic.Int64
}

func (o *outside) Run(ctx context.Context, call exec.Call) (exec.Response, error) {
	if call.Tool != o.probe {
		return o.counted.Run(ctx, call)
	}
	o.asked.Add(1)
	return exec.Response{Status: exec.StatusOK, Body: []byte(o.answer)}, nil
}

// prober is a caller whose tool has a probe.
type prober struct {
	*caller
	out    *outside
	chains []caps.Chain
}

func (p *prober) call(ctx context.Context, key string) (exec.Outcome, error) {
	return p.Gate.Do(ctx, exec.Effect{Tool: p.tool, Request: []byte("production"), Key: []byte(key), Caps: p.chains})
}

// probing gives the tool of a caller a probe.
func probing(t *testing.T, far *repo.Repo, c *caller, answer string) *prober {
	t.Helper()
	p := &prober{caller: c, out: &outside{answer: answer}}
	ask, err := exec.Tool{Name: "deployed", Module: exec.ModuleRef{Kind: exec.KindHTTP, URL: "http://127.0.0.1:1/asked", Method: "POST", Confinement: exec.ConfineRemote}}.Complete()
	if err == nil {
		ask, err = c.Tools.Add(t.Context(), ask)
	}
	if err != nil {
		t.Fatal(err)
	}
	c.probe, p.out.probe = ask.ID, ask.ID
	tool, err := c.Tools.Get(t.Context(), c.tool)
	if err == nil {
		tool.Policy.Probe = &ask.ID
		_, err = c.Tools.Add(t.Context(), tool)
	}
	if err != nil {
		t.Fatal(err)
	}
	c.Gate.Runners[exec.KindHTTP] = p.out
	p.chains = []caps.Chain{c.chain, peertest.Grant(t, far, c.Self(), &scope.ToolCall{ToolID: ask.ID, MaxCalls: 100})}
	return p
}

// doubtful are effects of another machine. When it is gone, what it did is unknown.
func doubtful(t *testing.T, keys ...string) (far *repo.Repo, url string, tool object.Hash, isGone func()) {
	t.Helper()
	var later atomic.Int64
	far = peertest.Later(t, "far", &later)
	url = serve(t, far)
	gone := from(t, far, url, remote.Options{}, time.Minute)
	for _, key := range keys {
		e := exec.Effect{Tool: gone.tool, Key: []byte(key), Request: []byte("production")}
		if _, _, _, err := gone.ledger.RegisterThere(t.Context(), e, []caps.Chain{gone.chain}, 0, ledger.Policy{Lease: time.Second}); err != nil {
			t.Fatal(err)
		}
	}
	return far, url, gone.tool, func() { later.Store(int64(time.Minute)) }
}

// TestProbe: the finding of a probe here settles what another machine left there: the effect runs once more, or is
// recorded as what happened. A lost answer changes nothing.
func TestProbe(t *testing.T) {
	far, url, _, isGone := doubtful(t, "no", "yes", "unclear")
	n := linetest.New(t, url)
	not := probing(t, far, from(t, far, n.Addr(), remote.Options{}, time.Minute), `{"happened":false}`)
	did := probing(t, far, from(t, far, n.Addr(), remote.Options{}, time.Minute), `{"happened":true,"response":"deployed by another"}`)
	cannot := probing(t, far, from(t, far, url, remote.Options{}, time.Minute), `{"happened":null}`)
	isGone()
	n.Set(linetest.Fault{Passes: linetest.AnswerTo("/probed")})
	out, err := not.call(t.Context(), "no")
	if err != nil || out.Replayed || not.out.runs.Load() != 1 || not.out.asked.Load() != 1 {
		t.Fatalf("%+v, %v, %d runs", out, err, not.out.runs.Load())
	}
	s, decisions := at(t, far, not.tool, "no"), 0
	for _, e := range s.History {
		if r := e.Resolution; r != nil {
			decisions++
			if r.Decision != ledger.ResolveRetry || !r.Signer.Same(far.Self()) || *r.About != 1 || len(r.Evidence) != 1 {
				t.Errorf("%+v", r)
			}
		}
	}
	if s.Commit == nil || s.Fence != 2 || s.Mark != nil || decisions != 1 {
		t.Errorf("%+v, %d decisions", s, decisions)
	}
	n.Set(linetest.Fault{Passes: linetest.AnswerTo("/probed")})
	out, err = did.call(t.Context(), "yes")
	if err != nil || string(out.Body) != "deployed by another" || did.out.runs.Load() != 0 {
		t.Fatalf("%+v, %v", out, err)
	}
	if out, err := not.call(t.Context(), "yes"); err != nil || !out.Replayed || string(out.Body) != "deployed by another" {
		t.Errorf("%+v, %v", out, err)
	}
	if _, err := cannot.call(t.Context(), "unclear"); !errors.Is(err, ledger.ErrUnknownOutcome) || cannot.out.runs.Load() != 0 {
		t.Error(err)
	}
	if s := at(t, far, not.tool, "unclear"); s.At(far.Now()) != ledger.StatusUnknown {
		t.Errorf("it is %s", s.At(far.Now()))
	}
	if _, err := far.Ledger.Verify(t.Context()); err != nil {
		t.Error(err)
	}
}

// TestProbeForged: a finding counts only for the attempt that the probe was asked about, with its real answer, from a
// caller that asked the probe and may call the tool, and for the probe that the tool has there.
func TestProbeForged(t *testing.T) {
	far, url, tool, isGone := doubtful(t, "one", "two")
	p := probing(t, far, from(t, far, url, remote.Options{}, time.Minute), `{"happened":false}`)
	other := from(t, far, url, remote.Options{}, time.Minute)
	isGone()
	receipt := func(answer string, status uint16, evidence ...object.Hash) []byte {
		t.Helper()
		_, raw, err := p.ledger.NewReceipt(ledger.Receipt{ToolID: p.out.probe, RequestHash: object.Sum([]byte("production")), ResponseHash: object.Sum([]byte(answer)), TimeObserved: far.Now(), Status: status,
			Evidence: append([]object.Hash{p.chains[1][0].ID}, evidence...)})
		if err != nil {
			t.Fatal(err)
		}
		return raw
	}
	record := func(raw []byte) []byte {
		t.Helper()
		res, err := p.ledger.Client.Post(t.Context(), "/v1/receipts", p.chains[1], raw)
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
		return raw
	}
	const no = `{"happened":false}`
	one := ledger.IdemID(tool, []byte("one"))
	good := record(receipt(no, exec.StatusOK, ledger.DoubtID(one, 1)))
	tell := func(by *caller, chain caps.Chain, key string, about uint64, receipt []byte, answer string) error {
		t.Helper()
		q := wire.Probed{Ask: wire.Ask{ToolID: tool, Key: []byte(key), Request: []byte("production"), Caps: [][]byte{}}, About: about, Receipt: receipt, Answer: []byte(answer)}
		body, err := can.Marshal(&q)
		if err != nil {
			t.Fatal(err)
		}
		res, err := by.ledger.Client.Post(t.Context(), "/v1/effects/"+ledger.IdemID(tool, []byte(key)).String()+"/probed", chain, body)
		if err != nil {
			return err
		}
		raw, err := io.ReadAll(res.Body)
		if err != nil {
			t.Fatal(err)
		}
		a, err := object.Decode[wire.Answer](raw)
		if err != nil {
			t.Fatal(err)
		}
		if a.Verdict == wire.Recorded {
			return nil
		}
		return a.Refusal.Error(one, true, about)
	}
	for name, err := range map[string]error{
		"of another effect":       tell(p.caller, p.chain, "two", 1, good, no),
		"of another attempt":      tell(p.caller, p.chain, "one", 2, good, no),
		"another answer":          tell(p.caller, p.chain, "one", 1, good, `{"happened":false} `),
		"that is not recorded":    tell(p.caller, p.chain, "one", 1, receipt(no, exec.StatusOK, ledger.DoubtID(one, 1), one), no),
		"of a call":               tell(p.caller, p.chain, "one", 1, record(receipt(no, exec.StatusOK)), no),
		"of a probe that failed":  tell(p.caller, p.chain, "one", 1, record(receipt(no, exec.StatusFailed, ledger.DoubtID(one, 1))), no),
		"that it is unclear":      tell(p.caller, p.chain, "one", 1, record(receipt(`{}`, exec.StatusOK, ledger.DoubtID(one, 1))), `{}`),
		"that it happened, alone": tell(p.caller, p.chain, "one", 1, record(receipt(`{"happened":true}`, exec.StatusOK, ledger.DoubtID(one, 1))), `{"happened":true}`),
		"by somebody else":        tell(other, other.chain, "one", 1, good, no),
		"without the tool":        tell(p.caller, p.chains[1], "one", 1, good, no),
	} {
		if err == nil {
			t.Errorf("a finding %s is taken", name)
		}
	}
	registered, err := p.Tools.Get(t.Context(), tool)
	if err != nil {
		t.Fatal(err)
	}
	probe := registered.Policy.Probe
	registered.Policy.Probe = nil
	if _, err := far.Tools.Add(t.Context(), registered); err != nil {
		t.Fatal(err)
	}
	if err := tell(p.caller, p.chain, "one", 1, good, no); err == nil {
		t.Error("the tool has no probe there, and one is believed")
	}
	for _, key := range []string{"one", "two"} {
		if s := at(t, far, tool, key); s.At(far.Now()) != ledger.StatusUnknown {
			t.Errorf("%s is %s", key, s.At(far.Now()))
		}
	}
	registered.Policy.Probe = probe
	if _, err := far.Tools.Add(t.Context(), registered); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := tell(p.caller, p.chain, "one", 1, good, no); err != nil {
			t.Error(err)
		}
	}
}
