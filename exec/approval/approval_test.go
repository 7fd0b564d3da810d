package approval_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/mythos-project/mythos/caps"
	"github.com/mythos-project/mythos/exec"
	"github.com/mythos-project/mythos/exec/approval"
	"github.com/mythos-project/mythos/exec/exectest"
	"github.com/mythos-project/mythos/ledger"
	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/object/sign"
	"github.com/mythos-project/mythos/store/memory"
)

var (
	bob   = sign.FromSeed([32]byte{2}, "bob")
	carol = sign.FromSeed([32]byte{3}, "carol")
	eve   = sign.FromSeed([32]byte{4}, "eve")
)

// desk is a gate that asks people: bob, carol and the executor itself have the role ops.
type desk struct {
	*exectest.Env
	ran atomic.Int64
}

func deskOn(t *testing.T, db *memory.DB) *desk {
	d := &desk{Env: exectest.NewOn(t, 1, db)}
	d.Gate.Approvals = &approval.Approvals{KV: d.DB, Objects: d.Store, Signer: d.Key, Ledger: d.Ledger, Now: d.Now, Who: func(a object.AgentID) string { return a.Hint },
		Roles: func() (func(object.AgentID, string) bool, error) {
			return func(a object.AgentID, role string) bool {
				return role == "ops" && (a.Same(bob.Agent()) || a.Same(carol.Agent()) || a.Same(d.Key.Agent()))
			}, nil
		}}
	d.Builtin("test.once", exec.Builtin{Run: func(_ context.Context, c exec.Call) (exec.Response, error) {
		d.ran.Add(1)
		return exec.Response{Body: c.Request, Status: exec.StatusOK}, nil
	}})
	return d
}

func (d *desk) effect(chain caps.Chain, key, request string) exec.Effect {
	e := exec.Effect{Tool: exec.BuiltinID("test.once"), Request: []byte(request), Caps: []caps.Chain{chain}}
	if key != "" {
		e.Key = []byte(key)
	}
	return e
}

// waits makes a call that has to wait, and returns the request that it waits for.
func (d *desk) waits(e exec.Effect) object.Hash {
	d.T.Helper()
	_, err := d.Gate.Do(d.T.Context(), e)
	var refused *exec.RefusedError
	var denied *caps.DeniedError
	if !errors.As(err, &refused) || refused.Status != exec.StatusApproval || !errors.As(err, &denied) || denied.Check != caps.CheckApproval || denied.Approval.IsZero() || denied.Help == "" {
		d.T.Fatalf("%v, expected a refusal with status 428", err)
	}
	if r := d.Receipt(refused.ReceiptID); r.Status != exec.StatusApproval || !r.Refusal() {
		d.T.Fatalf("the receipt is %+v", r)
	}
	return denied.Approval
}

func (d *desk) denied(e exec.Effect) {
	d.T.Helper()
	_, err := d.Gate.Do(d.T.Context(), e)
	var refused *exec.RefusedError
	if !errors.As(err, &refused) || refused.Status != exec.StatusDenied {
		d.T.Fatalf("%v, expected a refusal with status 403", err)
	}
}

func (d *desk) says(id object.Hash, yes bool, keys ...sign.Signer) {
	d.T.Helper()
	for _, k := range keys {
		if _, err := d.Gate.Approvals.Decide(d.T.Context(), id, k, yes, "a note"); err != nil {
			d.T.Fatal(err)
		}
	}
}

func (d *desk) does(e exec.Effect) exec.Outcome {
	d.T.Helper()
	out, err := d.Gate.Do(d.T.Context(), e)
	if err != nil {
		d.T.Fatal(err)
	}
	return out
}

const twoOps = ",calls=1000,approve=2/ops"

// TestApproval: a call runs after the second approval and never twice; if any byte differs, it is another call.
func TestApproval(t *testing.T) {
	d := deskOn(t, memory.New())
	chain := d.ToolCap("test.once", twoOps)
	e := d.effect(chain, "k", "go")
	id := d.waits(e)
	if again := d.waits(e); again != id {
		t.Fatalf("an equal call is asked for anew: %s, %s", id, again)
	}
	for k, want := range map[sign.Signer]error{d.Key: approval.ErrAgent, eve: approval.ErrRole} {
		for _, yes := range []bool{true, false} {
			if _, err := d.Gate.Approvals.Decide(t.Context(), id, k, yes, ""); !errors.Is(err, want) {
				t.Errorf("%v: %v", k.Agent(), err)
			}
		}
	}
	d.says(id, true, bob, bob, sign.FromSeed([32]byte{2}, "robert")) // one key, under two names
	d.waits(e)
	d.says(id, true, carol)
	for _, other := range []exec.Effect{d.effect(chain, "k2", "go"), d.effect(d.ToolCap("test.once", ",calls=9"+twoOps[len(",calls=1000"):]), "k", "go")} {
		if d.waits(other) == id {
			t.Error("another call has the same request")
		}
	}
	if _, err := d.Gate.Do(t.Context(), d.effect(chain, "k", "gO")); err == nil {
		t.Error("another request runs")
	}
	if d.ran.Load() != 0 {
		t.Fatal("it ran")
	}
	r := d.Receipt(d.does(e).ReceiptID)
	if !d.does(e).Replayed || d.ran.Load() != 1 {
		t.Fatalf("it ran %d times", d.ran.Load())
	}
	raws, err := d.Gate.Approvals.Named(t.Context(), r.Evidence)
	if err != nil {
		t.Fatal(err)
	}
	need, err := approval.Need(chain)
	if err != nil {
		t.Fatal(err)
	}
	q, list, err := approval.Verify(r, chain, need, raws, r.Signer)
	if err != nil || q.ID != id || len(list) != 2 {
		t.Fatalf("%v, %v, %v", q, list, err)
	}
	if _, _, err := approval.Verify(r, chain, need, raws[:2], r.Signer); !errors.Is(err, approval.ErrEvidence) {
		t.Errorf("one of two is enough: %v", err)
	}
	for i := range 300 {
		if _, err := d.Gate.Do(t.Context(), d.effect(chain, fmt.Sprint("flood", i), "go")); err == nil {
			t.Fatal("it runs")
		}
	}
	if waiting, err := d.Gate.Approvals.Kept(t.Context(), false); err != nil || len(waiting) != 256 {
		t.Errorf("%d wait, %v", len(waiting), err)
	}
}

// TestNo: a refusal outweighs all approvals until the request expires; an approval that is not used in time is void.
func TestNo(t *testing.T) {
	d := deskOn(t, memory.New())
	chain := d.ToolCap("test.once", twoOps)
	e := d.effect(chain, "k", "go")
	id := d.waits(e)
	d.says(id, true, bob, carol)
	d.says(id, false, carol)
	d.denied(e)
	if _, err := d.Gate.Approvals.Decide(t.Context(), id, bob, false, ""); !errors.Is(err, approval.ErrOver) {
		t.Error(err)
	}
	d.Pass(15 * time.Minute)
	late := d.waits(e)
	if late == id {
		t.Fatal("it is not asked for anew")
	}
	d.says(late, true, bob, carol)
	d.Pass(15 * time.Minute)
	if id = d.waits(e); id == late {
		t.Fatal("what has expired is used")
	}
	if d.ran.Load() != 0 {
		t.Fatal("it ran")
	}
}

// TestSpentOnce: two processes with many callers, with a key and without, use up one approval: the tool runs once.
func TestSpentOnce(t *testing.T) {
	for _, key := range []string{"k", ""} {
		db := memory.New()
		desks := []*desk{deskOn(t, db), deskOn(t, db)}
		chain := desks[0].ToolCap("test.once", twoOps)
		desks[0].says(desks[0].waits(desks[0].effect(chain, key, "go")), true, bob, carol)
		var wg sync.WaitGroup
		for i := range 32 {
			wg.Go(func() {
				d := desks[i%2]
				e := d.effect(chain, key, "go")
				e.Manner.Wait = exec.WaitForever
				_, err := d.Gate.Do(t.Context(), e)
				if err != nil && !errors.Is(err, caps.ErrDenied) { // a later call without a key needs a new request
					t.Error(err)
				}
			})
		}
		wg.Wait()
		if n := desks[0].ran.Load() + desks[1].ran.Load(); n != 1 {
			t.Errorf("key %q: it ran %d times", key, n)
		}
	}
}

// TestNotStarted: the approval of an attempt that certainly did nothing is returned. The approval of an attempt with an
// unknown outcome is not, and nothing runs again.
func TestNotStarted(t *testing.T) {
	d := deskOn(t, memory.New())
	end := exec.NotStarted(errors.New("no such program"))
	d.Builtin("test.ends", exec.Builtin{Run: func(context.Context, exec.Call) (exec.Response, error) {
		d.ran.Add(1)
		return exec.Response{Status: exec.StatusOK}, end
	}})
	e := d.effect(d.ToolCap("test.ends", twoOps), "k", "go")
	e.Tool = exec.BuiltinID("test.ends")
	d.says(d.waits(e), true, bob, carol)
	if _, err := d.Gate.Do(t.Context(), e); !errors.Is(err, exec.ErrNotStarted) {
		t.Fatal(err)
	}
	end = errors.New("killed")
	if _, err := d.Gate.Do(t.Context(), e); err == nil || errors.Is(err, caps.ErrDenied) {
		t.Fatal(err)
	}
	d.Pass(time.Hour) // its lease has expired
	if _, err := d.Gate.Do(t.Context(), e); !errors.Is(err, ledger.ErrUnknownOutcome) || d.ran.Load() != 2 {
		t.Fatalf("%v, after %d calls", err, d.ran.Load())
	}
}

// TestResumed: a retry-safe tool resumes under the earlier approval, and its receipt names it.
func TestResumed(t *testing.T) {
	d := deskOn(t, memory.New())
	end := errors.New("killed")
	d.Builtin("test.safe", exec.Builtin{RetrySafe: true, Run: func(context.Context, exec.Call) (exec.Response, error) {
		return exec.Response{Status: exec.StatusOK}, end
	}})
	e := d.effect(d.ToolCap("test.safe", twoOps), "k", "go")
	e.Tool = exec.BuiltinID("test.safe")
	id := d.waits(e)
	d.says(id, true, bob, carol)
	if _, err := d.Gate.Do(t.Context(), e); err == nil {
		t.Fatal("it is known how it ended")
	}
	end = nil
	if r := d.Receipt(d.does(e).ReceiptID); len(r.Evidence) != 4 || r.Evidence[1] != id {
		t.Fatalf("evidence %v", r.Evidence)
	}
}

// TestFree: a capability without approval comes first; one with approval is used when the other is used up. A gate that
// cannot ask refuses.
func TestFree(t *testing.T) {
	d := deskOn(t, memory.New())
	bound, free := d.ToolCap("test.once", twoOps), d.ToolCap("test.once", ",calls=1")
	for i, key := range []string{"k", ""} {
		e := d.effect(bound, key, fmt.Sprint(i))
		e.Caps = []caps.Chain{bound, free}
		if i == 0 {
			if out := d.does(e); d.Receipt(out.ReceiptID).Evidence[0] != free[0].ID {
				t.Error("somebody was asked")
			}
			e.Key = []byte("k2")
		}
		d.waits(e)
	}
	d.Gate.Approvals = nil
	d.denied(d.effect(bound, "k3", "go"))
	d.denied(d.effect(bound, "", "go"))
	if d.ran.Load() != 1 {
		t.Errorf("it ran %d times", d.ran.Load())
	}
}
