package exec_test

import (
	"context"
	"sync/atomic"
	"testing"
	"time"

	"github.com/mythos-project/mythos/caps"
	"github.com/mythos-project/mythos/caps/quota"
	"github.com/mythos-project/mythos/caps/scope"
	"github.com/mythos-project/mythos/exec"
	"github.com/mythos-project/mythos/exec/ir/asm"
	"github.com/mythos-project/mythos/ledger"
	"github.com/mythos-project/mythos/ledger/kvledger"
	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/object/sign"
	"github.com/mythos-project/mythos/store"
	"github.com/mythos-project/mythos/store/memory"
)

// The ledger over a store has what the gate can do without.
var (
	_ exec.Awaiter  = (*kvledger.Ledger)(nil)
	_ exec.Renewer  = (*kvledger.Ledger)(nil)
	_ exec.Resolver = (*kvledger.Ledger)(nil)
)

// env is an executor with everything real below it, in memory, and a clock that
// the test moves.
type env struct {
	t      testing.TB
	key    *sign.Key
	db     *memory.DB
	store  *store.Store
	ledger *kvledger.Ledger
	gate   *exec.Gate
	x      *exec.Executor
	clock  atomic.Int64
	calls  atomic.Int64 // what the tool "test.count" was invoked
}

func newEnv(t testing.TB, seed byte) *env {
	db := memory.New()
	return newEnvOn(t, seed, db)
}

// newEnvOn is another executor over the same database.
func newEnvOn(t testing.TB, seed byte, db *memory.DB) *env {
	e := &env{t: t, key: sign.FromSeed([32]byte{seed}, "executor"), db: db, store: store.New(db, db)}
	e.clock.Store(1_000_000_000)
	e.ledger = kvledger.Open(db, e.key, e.now)
	e.gate = &exec.Gate{
		Signer: e.key, Now: e.now, Verifier: &caps.Verifier{Trusted: func(object.AgentID, uint8) bool { return true }},
		Quotas: quota.New(db), Ledger: e.ledger, Responses: e.store, Tools: exec.NewTools(db),
		Runners: map[uint8]exec.Runner{},
	}
	exec.AddBlobTools(e.gate, e.store)
	e.builtin("test.count", exec.Builtin{RetrySafe: true, Run: func(_ context.Context, c exec.Call) (exec.Response, error) {
		e.calls.Add(1)
		return exec.Response{Body: append([]byte("got "), c.Request...), Status: exec.StatusOK}, nil
	}})
	e.x = &exec.Executor{Gate: e.gate, Store: e.store, KV: db}
	return e
}

func (e *env) now() object.Time { return object.Time(e.clock.Load()) }

func (e *env) pass(d time.Duration) { e.clock.Add(d.Microseconds()) }

// builtin adds a tool that needs tool.call for its own id.
func (e *env) builtin(name string, b exec.Builtin) {
	id := exec.BuiltinID(name)
	if b.Use == nil {
		b.Use = func(request []byte) (scope.Use, error) {
			return scope.Use{Kind: scope.KindToolCall, Tool: id, Request: request}, nil
		}
	}
	e.gate.Builtin(name, b)
}

// cap issues a capability to the executor itself.
func (e *env) cap(text string) caps.Chain {
	e.t.Helper()
	s, err := scope.Parse(text, nil)
	if err != nil {
		e.t.Fatal(err)
	}
	link, err := caps.Issue(e.key, caps.Draft{Subject: e.key.Agent(), Scope: s, NotBefore: 1, ExpiresAt: 1 << 60})
	if err != nil {
		e.t.Fatal(err)
	}
	return caps.Chain{link}
}

func (e *env) toolCap(name, more string) caps.Chain {
	return e.cap("tool.call:" + exec.BuiltinID(name).String() + more)
}

// assemble makes a bundle of a text, which must be right.
func (e *env) assemble(text string) []byte {
	e.t.Helper()
	raw, err := asm.Assemble([]byte(text))
	if err != nil {
		e.t.Fatalf("%v\n%s", err, text)
	}
	return raw
}

func (e *env) run(text string, chains ...caps.Chain) *exec.Result {
	e.t.Helper()
	res, err := e.x.Run(e.t.Context(), e.assemble(text), object.Hash{}, exec.RunOptions{Caps: chains})
	if err != nil {
		e.t.Fatal(err)
	}
	return res
}

// receipt reads a receipt back from the ledger and verifies it.
func (e *env) receipt(id object.Hash) *ledger.Receipt {
	e.t.Helper()
	raw, err := e.ledger.Receipt(e.t.Context(), id)
	if err != nil {
		e.t.Fatal(err)
	}
	r, got, err := ledger.OpenReceipt(raw)
	if err != nil || got != id {
		e.t.Fatalf("receipt %s: %v", id, err)
	}
	return r
}

func chains(list ...caps.Chain) []caps.Chain { return list }
