package exec_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/mythos-project/mythos/caps"
	"github.com/mythos-project/mythos/caps/quota"
	"github.com/mythos-project/mythos/caps/scope"
	"github.com/mythos-project/mythos/exec"
	"github.com/mythos-project/mythos/exec/exectest"
	"github.com/mythos-project/mythos/exec/output"
	"github.com/mythos-project/mythos/ledger"
	"github.com/mythos-project/mythos/object"
)

func effect(name, request, key string, chains ...caps.Chain) exec.Effect {
	return exec.Effect{Tool: exec.BuiltinID(name), Request: []byte(request), Key: []byte(key), Caps: chains}
}

func TestKeyedEffectHappensOnce(t *testing.T) {
	e := exectest.New(t, 1)
	chain := e.ToolCap("test.count", ",calls=1")
	first, err := e.Gate.Do(t.Context(), effect("test.count", "hello", "k", chain))
	if err != nil || first.Replayed || string(first.Body) != "got hello" || first.Status != exec.StatusOK {
		t.Fatalf("%+v, %v", first, err)
	}
	r := e.Receipt(first.ReceiptID)
	if r.ToolID != exec.BuiltinID("test.count") || r.RequestHash != object.SumText("hello") || r.ResponseHash != object.SumText("got hello") ||
		string(r.IdempotencyKey) != "k" || len(r.Evidence) != 1 || r.Evidence[0] != chain[0].ID || r.TimeObserved != e.Now() {
		t.Errorf("receipt %+v", r)
	}
	for range 3 { // the quota of one call is used up; replays need none
		again, err := e.Gate.Do(t.Context(), effect("test.count", "hello", "k", chain))
		if err != nil || !again.Replayed || string(again.Body) != "got hello" || again.ReceiptID != first.ReceiptID || again.Status != first.Status {
			t.Fatalf("%+v, %v", again, err)
		}
	}
	if n := e.Calls.Load(); n != 1 {
		t.Errorf("invoked %d times", n)
	}
	used, err := e.Gate.Quotas.(*quota.Quotas).Used(t.Context(), chain[0].ID)
	if err != nil || used[scope.Calls] != 1 {
		t.Errorf("charged %v, %v", used, err)
	}
}

func TestReplayStillNeedsAuthority(t *testing.T) {
	e := exectest.New(t, 1)
	if _, err := e.Gate.Do(t.Context(), effect("test.count", "hello", "k", e.ToolCap("test.count", ""))); err != nil {
		t.Fatal(err)
	}
	_, err := e.Gate.Do(t.Context(), effect("test.count", "hello", "k"))
	if !errors.Is(err, caps.ErrDenied) {
		t.Errorf("a replay without a capability: %v", err)
	}
}

func TestWithoutKeyNothingIsDeduplicated(t *testing.T) {
	e := exectest.New(t, 1)
	chain := e.ToolCap("test.count", "")
	seen := map[object.Hash]bool{}
	for range 3 {
		out, err := e.Gate.Do(t.Context(), effect("test.count", "hello", "", chain))
		if err != nil || out.Replayed {
			t.Fatal(out, err)
		}
		e.Receipt(out.ReceiptID)
		seen[out.ReceiptID] = true
		e.Pass(time.Second)
	}
	if e.Calls.Load() != 3 || len(seen) != 3 {
		t.Errorf("invoked %d times, %d receipts", e.Calls.Load(), len(seen))
	}
}

// TestRefusals: each refusal has its error and leaves a signed receipt with its status and reason, and does not invoke
// the tool.
func TestRefusals(t *testing.T) {
	e := exectest.New(t, 1)
	one := e.ToolCap("test.count", ",calls=1")
	if _, err := e.Gate.Do(t.Context(), effect("test.count", "first", "", one)); err != nil {
		t.Fatal(err)
	}
	big := strings.Repeat("x", 17<<20)
	tests := []struct {
		name   string
		effect exec.Effect
		want   error
		status uint16
	}{
		{"no capability", effect("test.count", "r", ""), caps.ErrDenied, exec.StatusDenied},
		{"another tool's capability", effect("test.count", "r", "", e.ToolCap("blob.get", "")), caps.ErrDenied, exec.StatusDenied},
		{"constraint", effect("test.count", `{"env":"prod"}`, "", e.ToolCap("test.count", ",eq:/env=test")), caps.ErrDenied, exec.StatusDenied},
		{"quota", effect("test.count", "second", "", one), caps.ErrQuota, exec.StatusQuota},
		{"quota, with a key", effect("test.count", "second", "key", one), caps.ErrQuota, exec.StatusQuota},
		{"unknown tool", effect("no.such", "r", "", one), exec.ErrNoTool, exec.StatusNotFound},
		{"large request", effect("test.count", big, "", one), exec.ErrRequestTooLarge, exec.StatusRequestTooBig},
		{"malformed request", effect("blob.get", "r", "", one), nil, exec.StatusBadRequest},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := e.Gate.Do(t.Context(), tt.effect)
			var refused *exec.RefusedError
			if !errors.As(err, &refused) || tt.want != nil && !errors.Is(err, tt.want) {
				t.Fatalf("%v", err)
			}
			r := e.Receipt(refused.ReceiptID)
			if r.Status != tt.status || refused.Status != tt.status || r.Notes == nil || !strings.HasPrefix(*r.Notes, "refused: ") ||
				r.RequestHash != object.Sum(tt.effect.Request) || r.ResponseHash != object.SumText("") {
				t.Errorf("receipt %+v", r)
			}
		})
	}
	if n := e.Calls.Load(); n != 1 {
		t.Errorf("invoked %d times", n)
	}
}

func TestSecondCapabilityIsCharged(t *testing.T) {
	e := exectest.New(t, 1)
	one, two := e.ToolCap("test.count", ",calls=1"), e.ToolCap("test.count", ",calls=2")
	for i, want := range []object.Hash{one[0].ID, two[0].ID, two[0].ID} {
		out, err := e.Gate.Do(t.Context(), effect("test.count", "r", "", one, two))
		if err != nil {
			t.Fatal(err)
		}
		if r := e.Receipt(out.ReceiptID); r.Evidence[0] != want {
			t.Errorf("call %d used %s", i, r.Evidence[0].Short())
		}
	}
	if _, err := e.Gate.Do(t.Context(), effect("test.count", "r", "", one, two)); !errors.Is(err, caps.ErrQuota) {
		t.Errorf("%v", err)
	}
}

func TestConflict(t *testing.T) {
	e := exectest.New(t, 1)
	chain := e.ToolCap("test.count", ",calls=5")
	if _, err := e.Gate.Do(t.Context(), effect("test.count", "a", "k", chain)); err != nil {
		t.Fatal(err)
	}
	_, err := e.Gate.Do(t.Context(), effect("test.count", "b", "k", chain))
	var conflict *ledger.ConflictError
	if !errors.Is(err, ledger.ErrIdempotencyConflict) || !errors.As(err, &conflict) {
		t.Fatalf("%v", err)
	}
	state, err := e.Ledger.Read(t.Context(), ledger.IdemID(exec.BuiltinID("test.count"), []byte("k")))
	if err != nil || state.Mark == nil {
		t.Errorf("no mark: %v", err)
	}
	if _, err := e.Gate.Do(t.Context(), effect("test.count", "a", "k", chain)); !errors.Is(err, ledger.ErrDivergent) {
		t.Errorf("after the mark: %v", err)
	}
	used, err := e.Gate.Quotas.(*quota.Quotas).Used(t.Context(), chain[0].ID)
	if err != nil || used[scope.Calls] != 1 || e.Calls.Load() != 1 {
		t.Errorf("charged %v, invoked %d times, %v", used, e.Calls.Load(), err)
	}
}

// TestManyAtOnce: callers with the same key, in one process, get one invocation
// and one receipt.
func TestManyAtOnce(t *testing.T) {
	e := exectest.New(t, 1)
	chain := e.ToolCap("test.count", ",calls=8")
	var wg sync.WaitGroup
	receipts := make([]object.Hash, 64)
	for i := range receipts {
		wg.Go(func() {
			out, err := e.Gate.Do(t.Context(), effect("test.count", fmt.Sprint(i%8), fmt.Sprint(i%8), chain))
			if err != nil {
				t.Error(err)
			}
			receipts[i] = out.ReceiptID
		})
	}
	wg.Wait()
	if n := e.Calls.Load(); n != 8 {
		t.Errorf("invoked %d times", n)
	}
	for i := range receipts {
		if receipts[i] != receipts[i%8] {
			t.Errorf("call %d has another receipt", i)
		}
	}
}

// TestCrash: an attempt died between register and commit. The tool's policy decides whether it may be repeated; before
// the lease ends it may not.
func TestCrash(t *testing.T) {
	for _, safe := range []bool{true, false} {
		t.Run(fmt.Sprint("retry-safe ", safe), func(t *testing.T) {
			e := exectest.New(t, 1)
			crash := true
			var fences []uint64
			e.Builtin("test.crash", exec.Builtin{RetrySafe: safe, Run: func(_ context.Context, c exec.Call) (exec.Response, error) {
				fences = append(fences, c.Fence)
				if crash {
					return exec.Response{}, errors.New("the machine went down")
				}
				return exec.Response{Body: []byte("done"), Status: exec.StatusOK}, nil
			}})
			chain := e.ToolCap("test.crash", "")
			if _, err := e.Gate.Do(t.Context(), effect("test.crash", "r", "k", chain)); err == nil {
				t.Fatal("no error")
			}
			crash = false
			other := exectest.NewOn(t, 2, e.DB)
			other.Builtin("test.crash", exec.Builtin{RetrySafe: safe, Run: func(context.Context, exec.Call) (exec.Response, error) {
				t.Error("the other executor took over a live lease")
				return exec.Response{}, nil
			}})
			var busy *ledger.BusyError
			if _, err := other.Gate.Do(t.Context(), effect("test.crash", "r", "k", other.ToolCap("test.crash", ""))); !errors.As(err, &busy) {
				t.Errorf("another executor: %v", err)
			}
			out, err := e.Gate.Do(t.Context(), effect("test.crash", "r", "k", chain))
			if !safe {
				if !errors.Is(err, ledger.ErrBusy) {
					t.Errorf("during the lease: %v", err)
				}
				e.Pass(time.Hour)
				if _, err = e.Gate.Do(t.Context(), effect("test.crash", "r", "k", chain)); !errors.Is(err, ledger.ErrUnknownOutcome) {
					t.Errorf("after the lease: %v", err)
				}
				return
			}
			if err != nil || string(out.Body) != "done" || len(fences) != 2 || fences[1] <= fences[0] {
				t.Errorf("%+v, fences %v, %v", out, fences, err)
			}
		})
	}
}

// TestFailureIsCommitted: a failure of a tool is final.
func TestFailureIsCommitted(t *testing.T) {
	e := exectest.New(t, 1)
	n := 0
	e.Builtin("test.fail", exec.Builtin{Run: func(context.Context, exec.Call) (exec.Response, error) {
		n++
		return exec.Response{Status: exec.StatusFailed, Notes: "it broke", Use: output.Use{Tokens: 7, GPUms: 3}}, nil
	}})
	chain := e.ToolCap("test.fail", "")
	for i := range 2 {
		out, err := e.Gate.Do(t.Context(), effect("test.fail", "r", "k", chain))
		if err != nil || out.Status != exec.StatusFailed || out.Replayed != (i == 1) || out.Tokens != 7 || out.GPUms != 3 || len(out.Body) != 0 {
			t.Fatalf("%+v, %v", out, err)
		}
		if r := e.Receipt(out.ReceiptID); *r.Notes != "used tokens=7 gpu_ms=3\nit broke" {
			t.Errorf("notes %q", *r.Notes)
		}
	}
	if n != 1 {
		t.Errorf("invoked %d times", n)
	}
}

func TestCancelledCallerStillCommits(t *testing.T) {
	e := exectest.New(t, 1)
	ctx, cancel := context.WithCancel(t.Context())
	e.Builtin("test.cancel", exec.Builtin{Run: func(context.Context, exec.Call) (exec.Response, error) {
		cancel() // the caller gives up after the tool has acted
		return exec.Response{Body: []byte("acted"), Status: exec.StatusOK}, nil
	}})
	chain := e.ToolCap("test.cancel", "")
	if _, err := e.Gate.Do(ctx, effect("test.cancel", "r", "k", chain)); err != nil {
		t.Fatal(err)
	}
	out, err := e.Gate.Do(t.Context(), effect("test.cancel", "r", "k", chain))
	if err != nil || !out.Replayed || string(out.Body) != "acted" {
		t.Errorf("%+v, %v", out, err)
	}
}

func TestResponseLimit(t *testing.T) {
	e := exectest.New(t, 1)
	e.Builtin("test.big", exec.Builtin{Limits: exec.Limits{MaxResponse: 10}, Run: func(context.Context, exec.Call) (exec.Response, error) {
		return exec.Response{Body: make([]byte, 11), Status: exec.StatusOK}, nil
	}})
	out, err := e.Gate.Do(t.Context(), effect("test.big", "r", "", e.ToolCap("test.big", "")))
	if err != nil || out.Status != exec.StatusResponseTooBig || len(out.Body) != 0 {
		t.Errorf("%+v, %v", out, err)
	}
}

func TestCapture(t *testing.T) {
	e := exectest.New(t, 1)
	chain := e.ToolCap("test.count", "")
	if _, err := e.Gate.Do(t.Context(), effect("test.count", "not kept", "", chain)); err != nil {
		t.Fatal(err)
	}
	if _, err := e.Store.Bytes(t.Context(), object.SumText("not kept")); err == nil {
		t.Error("a request was kept unasked")
	}
	e.Gate.Capture = true
	if _, err := e.Gate.Do(t.Context(), effect("test.count", "kept", "", chain)); err != nil {
		t.Fatal(err)
	}
	if _, err := e.Store.Bytes(t.Context(), object.SumText("kept")); err != nil {
		t.Error(err)
	}
}
