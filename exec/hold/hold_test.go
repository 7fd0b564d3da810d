package hold_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/mythos-project/mythos/caps"
	"github.com/mythos-project/mythos/caps/quota"
	"github.com/mythos-project/mythos/caps/scope"
	"github.com/mythos-project/mythos/exec"
	"github.com/mythos-project/mythos/exec/exectest"
	"github.com/mythos-project/mythos/exec/hold"
	"github.com/mythos-project/mythos/ledger"
	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/object/sign"
	"github.com/mythos-project/mythos/store/kv"
	"github.com/mythos-project/mythos/store/memory"
)

// holdsOf reads the holds in a gate's store, with a folder of its own or a given one.
func holdsOf(e *exectest.Env, dir string) *hold.Holds {
	h := &hold.Holds{KV: e.DB, Objects: e.Store, File: filepath.Join(dir, hold.FileName), Locks: filepath.Join(dir, "locks"), Now: e.Now,
		Name: func(_ context.Context, tool object.Hash) string { return tool.Short() },
		Who:  func(a object.AgentID) string { return a.KeyHex()[:8] }}
	e.Gate.Holds = h
	return h
}

func set(t *testing.T, h *hold.Holds, k sign.Signer, q hold.Request, frozen bool) {
	t.Helper()
	st, err := h.State(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	q.After, q.Reason = st.Newest, "test"
	_, inForce, err := h.Make(t.Context(), k, q, frozen)
	if err == nil {
		err = errors.Join(apply(t.Context(), h.KV, inForce), h.Drain(t.Context()))
	}
	if err != nil {
		t.Fatal(err)
	}
}

// apply makes a change of the store that the ledger would make with a commit.
func apply(ctx context.Context, db kv.KV, r ledger.Rider) error {
	was := map[string][]byte{}
	put, err := r.Ride(func(key string) (value []byte, err error) {
		value, err = kv.GetOrNil(ctx, db, key)
		was[key] = value
		return value, err
	})
	if err != nil {
		return err
	}
	ok, err := db.Update(ctx, was, put)
	if err == nil && !ok {
		err = errors.New("it has changed in the meantime")
	}
	return err
}

func wantFrozen(t *testing.T, e *exectest.Env, err error) {
	t.Helper()
	var refused *exec.RefusedError
	var denied *caps.DeniedError
	if !errors.As(err, &refused) || refused.Status != exec.StatusFrozen || !errors.As(err, &denied) || denied.Check != caps.CheckFrozen || denied.Help == "" {
		t.Fatalf("%v, expected a refusal with status 423", err)
	}
	if r := e.Receipt(refused.ReceiptID); r.Status != exec.StatusFrozen || !r.Refusal() {
		t.Fatalf("the receipt is %+v", r)
	}
}

// TestFreezeRaces: many callers of two gates, as of two processes, with and without keys, call while everything gets
// frozen. Once the freeze has returned, no tool is called any more, and all callers are refused. A refused caller is
// not charged.
func TestFreezeRaces(t *testing.T) {
	const callers = 64
	dir, db := t.TempDir(), memory.New()
	var frozen atomic.Bool
	var ran, late atomic.Int64
	var envs []*exectest.Env
	for range 2 {
		e := exectest.NewOn(t, 1, db)
		holdsOf(e, dir)
		envs = append(envs, e)
	}
	watch := watcher(func() {
		if frozen.Load() {
			late.Add(1)
		}
		ran.Add(1)
	})
	tool, err := envs[0].Gate.Tools.Add(t.Context(), exec.Tool{Name: "watch", Module: exec.ModuleRef{Kind: exec.KindHTTP, URL: "https://example.com/", Confinement: exec.ConfineRemote}})
	if err != nil {
		t.Fatal(err)
	}
	chain := envs[0].Cap("tool.call:" + tool.ID.String() + ",calls=1000000")
	for _, e := range envs {
		e.Gate.Runners[exec.KindHTTP] = watch
	}
	var wg sync.WaitGroup
	begun := make(chan struct{}, callers)
	for i := range callers {
		wg.Go(func() {
			e := envs[i%2]
			for n := 0; ; n++ {
				effect := exec.Effect{Tool: tool.ID, Request: fmt.Appendf(nil, "%d %d", i, n), Caps: []caps.Chain{chain}}
				if i%4 < 2 {
					effect.Key = fmt.Appendf(nil, "%d/%d", i, n)
				}
				_, err := e.Gate.Do(t.Context(), effect)
				if n == 0 {
					begun <- struct{}{}
				}
				var refused *exec.RefusedError
				if errors.As(err, &refused) && refused.Status == exec.StatusFrozen {
					return
				}
				if err != nil {
					t.Errorf("caller %d: %v", i, err)
					return
				}
			}
		})
	}
	for range callers {
		<-begun
	}
	set(t, envs[0].Gate.Holds.(*hold.Holds), envs[0].Key, hold.Request{}, true)
	frozen.Store(true)
	wg.Wait()
	if n := late.Load(); n > 0 || ran.Load() < callers {
		t.Fatalf("%d of %d calls reached the tool after the freeze had returned", n, ran.Load())
	}
	used, err := quota.New(db, envs[0].Now).Used(t.Context(), chain[0].ID)
	if err != nil || used[scope.Calls] != uint64(ran.Load()) {
		t.Fatalf("%v calls were charged, %d ran, %v", used, ran.Load(), err)
	}
}

// watcher is a runner that reports when its tool is called.
type watcher func()

func (w watcher) Run(_ context.Context, c exec.Call) (exec.Response, error) {
	w()
	c.Started()
	return exec.Response{Status: exec.StatusOK}, nil
}

// TestHolds: a hold blocks only what it names, recorded answers included; a thaw removes only that hold.
func TestHolds(t *testing.T) {
	e := exectest.New(t, 1)
	h := holdsOf(e, t.TempDir())
	scout := sign.FromSeed([32]byte{7}, "scout")
	root, err := caps.Issue(e.Key, caps.Draft{Subject: scout.Agent(), Scope: e.ToolCap("test.count", "")[0].Cap.Scope, NotBefore: 1, ExpiresAt: 1 << 60, Delegable: true})
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := caps.Attenuate(scout, caps.Chain{root}, caps.Draft{Subject: e.Key.Agent()})
	if err != nil {
		t.Fatal(err)
	}
	own, scouts := e.ToolCap("test.count", ""), caps.Chain{leaf, root}
	call := func(key string, chains ...caps.Chain) error {
		_, err := e.Gate.Do(t.Context(), exec.Effect{Tool: exec.BuiltinID("test.count"), Key: []byte(key), Caps: chains})
		return err
	}
	check := func(what string, wantOwn, wantScout bool) {
		t.Helper()
		before := e.Calls.Load()
		for chain, want := range map[*caps.Chain]bool{&own: wantOwn, &scouts: wantScout} {
			err := call("done before", *chain)
			if want && err != nil {
				t.Fatalf("%s: %v", what, err)
			}
			if !want {
				wantFrozen(t, e, err)
			}
		}
		if e.Calls.Load() != before {
			t.Fatalf("%s: a recorded call ran again", what)
		}
	}
	if err := call("done before", own); err != nil {
		t.Fatal(err)
	}
	check("nothing is frozen", true, true)
	agent, other := scout.Agent(), object.SumText("another tool")
	set(t, h, e.Key, hold.Request{Agent: &agent}, true)
	check("scout is frozen", true, false)
	if err := call("either", scouts, own); err != nil {
		t.Fatalf("under the capability that is not frozen: %v", err)
	}
	set(t, h, e.Key, hold.Request{Tool: &other}, true)
	check("another tool is frozen", true, false)
	set(t, h, e.Key, hold.Request{}, true)
	check("everything is frozen", false, false)
	set(t, h, e.Key, hold.Request{Agent: &agent}, false)
	check("scout is thawed, everything is not", false, false)
	set(t, h, e.Key, hold.Request{}, false)
	check("everything is thawed", true, true)
	if _, _, err := h.Make(t.Context(), e.Key, hold.Request{}, true); !errors.Is(err, hold.ErrConflict) {
		t.Errorf("after another hold: %v", err)
	}
	st, err := h.State(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	_, late, err := h.Make(t.Context(), e.Key, hold.Request{After: st.Newest}, true)
	if err != nil {
		t.Fatal(err)
	}
	check("a hold is made and not yet in force", true, true)
	set(t, h, e.Key, hold.Request{Tool: &other}, true)
	if err := apply(t.Context(), h.KV, late); !errors.Is(err, hold.ErrConflict) {
		t.Errorf("another hold came first: %v", err)
	}
	check("it never came into force", true, true)
	if err := os.WriteFile(h.File, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	check("the file is there", false, false)
	if err := os.Remove(h.File); err != nil {
		t.Fatal(err)
	}
	check("the file is gone", true, true)
}

// TestDamagedHolds: an unreadable hold, or one without a valid signature, blocks everything.
func TestDamagedHolds(t *testing.T) {
	e := exectest.New(t, 1)
	h := holdsOf(e, t.TempDir())
	set(t, h, e.Key, hold.Request{}, true)
	good, _, err := e.DB.Get(t.Context(), "e/h")
	if err != nil {
		t.Fatal(err)
	}
	for i := range good {
		bad := append([]byte{}, good...)
		bad[i] ^= 1
		if ok, err := e.DB.Update(t.Context(), nil, map[string][]byte{"e/h": bad}); !ok || err != nil {
			t.Fatal(ok, err)
		}
		_, err := e.Gate.Do(t.Context(), exec.Effect{Tool: exec.BuiltinID("test.count"), Caps: []caps.Chain{e.ToolCap("test.count", "")}})
		if err == nil {
			t.Fatalf("byte %d is changed, and the call happened", i)
		}
	}
	if n := e.Calls.Load(); n != 0 {
		t.Fatalf("%d calls happened", n)
	}
}
