package exec_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/mythos-project/mythos/caps"
	"github.com/mythos-project/mythos/exec"
	"github.com/mythos-project/mythos/exec/exectest"
	"github.com/mythos-project/mythos/exec/ir"
	"github.com/mythos-project/mythos/ledger"
	"github.com/mythos-project/mythos/object"
)

// scripted is a runner whose tools are functions.
type scripted map[string]func(exec.Call) (exec.Response, error)

func (s scripted) Run(_ context.Context, c exec.Call) (exec.Response, error) { return s[c.Name](c) }

// TestProbe settles unknown outcomes, or leaves them unknown, as the probe answers.
func TestProbe(t *testing.T) {
	dead := errors.New("the machine died")
	answer := func(body string, status uint16) func(exec.Call) (exec.Response, error) {
		return func(exec.Call) (exec.Response, error) { return exec.Response{Body: []byte(body), Status: status}, nil }
	}
	for name, c := range map[string]struct {
		probe  func(exec.Call) (exec.Response, error)
		body   string // of the effect in the end; empty: still unknown
		status uint16
		calls  int // number of calls of the tool
	}{
		"it happened":           {answer(`{"happened":true,"response":"sent"}`, 200), "sent", 200, 1},
		"it happened, bytes":    {answer(`{"happened":true,"body":"c2VudA=="}`, 200), "sent", 200, 1},
		"it happened, badly":    {answer(`{"happened":true,"status":500,"response":"no"}`, 200), "no", 500, 1},
		"it did not":            {answer(`{"happened":false}`, 200), "done by 2", 200, 2},
		"it does not know":      {answer(`{}`, 200), "", 0, 1},
		"it says two things":    {answer(`{"happened":true,"response":"a","body":"Yg=="}`, 200), "", 0, 1},
		"it is not JSON":        {answer(`yes`, 200), "", 0, 1},
		"the probe failed":      {answer(`{"happened":false}`, 500), "", 0, 1},
		"the probe died itself": {func(exec.Call) (exec.Response, error) { return exec.Response{}, dead }, "", 0, 1},
	} {
		t.Run(name, func(t *testing.T) {
			e := exectest.New(t, 1)
			calls := 0
			var asked exec.Call
			e.Gate.Runners[exec.KindHTTP] = scripted{
				"send": func(call exec.Call) (exec.Response, error) {
					if calls++; calls == 1 {
						return exec.Response{}, dead
					}
					return exec.Response{Body: []byte("done by " + string('0'+rune(call.Fence))), Status: 200}, nil
				},
				"sent": func(call exec.Call) (exec.Response, error) { asked = call; return c.probe(call) },
			}
			add := func(name string, p exec.Policy) object.Hash {
				tool, err := e.Gate.Tools.Add(t.Context(), exec.Tool{Name: name, Policy: p, RequestType: ir.TypeBytes,
					Module: exec.ModuleRef{Kind: exec.KindHTTP, URL: "https://example.org/" + name, Confinement: exec.ConfineRemote}})
				if err != nil {
					t.Fatal(err)
				}
				return tool.ID
			}
			probe := add("sent", exec.Policy{})
			tool := add("send", exec.Policy{Probe: &probe})
			effect := exec.Effect{Tool: tool, Request: []byte("letter"), Key: []byte("k"),
				Caps: []caps.Chain{e.Cap("tool.call:" + tool.String()), e.Cap("tool.call:" + probe.String())}}
			if _, err := e.Gate.Do(t.Context(), effect); !errors.Is(err, dead) {
				t.Fatal(err)
			}
			if _, err := e.Gate.Do(t.Context(), effect); !errors.Is(err, ledger.ErrBusy) || asked.Name != "" {
				t.Fatalf("while the lease lives: %v", err)
			}
			e.Pass(time.Hour)
			out, err := e.Gate.Do(t.Context(), effect)
			if asked.Fence != 1 || string(asked.Key) != "k" || string(asked.Request) != "letter" {
				t.Errorf("the probe was asked %+v", asked)
			}
			if c.body == "" {
				if !errors.Is(err, ledger.ErrUnknownOutcome) || !errors.Is(err, exec.ErrProbe) {
					t.Errorf("%+v %v", out, err)
				}
			} else if err != nil || string(out.Body) != c.body || out.Status != c.status {
				t.Errorf("%+v %v", out, err)
			}
			if calls != c.calls {
				t.Errorf("%d calls", calls)
			}
			audit(t, e, tool, c.body, c.calls)
		})
	}
}

// audit checks that the decision or the receipt refers to the probe's receipt.
func audit(t *testing.T, e *exectest.Env, tool object.Hash, body string, calls int) {
	t.Helper()
	if _, err := e.Ledger.Verify(t.Context()); err != nil {
		t.Error(err)
	}
	s, err := e.Ledger.Read(t.Context(), ledger.IdemID(tool, []byte("k")))
	if err != nil || body == "" {
		if len(s.History) != 1 {
			t.Errorf("the history has %d entries, %v", len(s.History), err)
		}
		return
	}
	rests := e.Receipt(s.Commit.ReceiptID).Evidence
	if calls > 1 {
		rests = s.Decision.Evidence
	}
	if !slices.ContainsFunc(rests, func(h object.Hash) bool {
		raw, err := e.Ledger.Receipt(t.Context(), h)
		if err != nil {
			return false
		}
		r, _, err := ledger.OpenReceipt(raw)
		return err == nil && r.ToolID != tool && r.RequestHash == object.SumText("letter")
	}) {
		t.Errorf("nothing rests on the probe: %v", rests)
	}
}

// TestProbeNeedsAuthority: the probe is an effect like any other.
func TestProbeNeedsAuthority(t *testing.T) {
	self := object.SumText("a tool")
	own := exec.Tool{Name: "own", ID: self, Given: true, Policy: exec.Policy{Probe: &self}}
	if err := own.Check(); err == nil {
		t.Error("a tool is its own probe")
	}
	e := exectest.New(t, 1)
	probe := exec.BuiltinID("test.count")
	e.Gate.Runners[exec.KindHTTP] = scripted{"send": func(exec.Call) (exec.Response, error) { return exec.Response{}, errors.New("died") }}
	tool, err := e.Gate.Tools.Add(t.Context(), exec.Tool{Name: "send", Policy: exec.Policy{Probe: &probe},
		Module: exec.ModuleRef{Kind: exec.KindHTTP, URL: "https://example.org/", Confinement: exec.ConfineRemote}})
	if err != nil {
		t.Fatal(err)
	}
	effect := exec.Effect{Tool: tool.ID, Key: []byte("k"), Caps: []caps.Chain{e.Cap("tool.call:" + tool.ID.String())}}
	if _, err := e.Gate.Do(t.Context(), effect); err == nil {
		t.Fatal("it did not die")
	}
	e.Pass(time.Hour)
	var refused *exec.RefusedError
	if _, err := e.Gate.Do(t.Context(), effect); !errors.Is(err, ledger.ErrUnknownOutcome) || !errors.Is(err, caps.ErrDenied) || !errors.As(err, &refused) {
		t.Fatal(err)
	}
	if e.Calls.Load() != 0 || e.Receipt(refused.ReceiptID).Status != exec.StatusDenied {
		t.Error("the probe was run without authority, or the refusal left no receipt")
	}
}
