// Package exectest provides a gate over real components, in memory, for tests.
package exectest

import (
	"context"
	"sync/atomic"
	"testing"
	"time"

	"github.com/mythos-project/mythos/caps"
	"github.com/mythos-project/mythos/caps/quota"
	"github.com/mythos-project/mythos/caps/scope"
	"github.com/mythos-project/mythos/exec"
	"github.com/mythos-project/mythos/exec/blob"
	"github.com/mythos-project/mythos/ledger"
	"github.com/mythos-project/mythos/ledger/kvledger"
	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/object/sign"
	"github.com/mythos-project/mythos/store"
	"github.com/mythos-project/mythos/store/memory"
)

// The ledger over a store has the gate's optional abilities.
var (
	_ exec.Awaiter  = (*kvledger.Ledger)(nil)
	_ exec.Renewer  = (*kvledger.Ledger)(nil)
	_ exec.Resolver = (*kvledger.Ledger)(nil)
)

// Env is a gate over real components, in memory, with a clock that the test moves.
type Env struct {
	T      testing.TB
	Key    *sign.Key
	DB     *memory.DB
	Store  *store.Store
	Ledger *kvledger.Ledger
	Gate   *exec.Gate
	Clock  atomic.Int64
	Calls  atomic.Int64 // number of invocations of the tool "test.count"
}

// New returns a gate over a database of its own.
func New(t testing.TB, seed byte) *Env {
	db := memory.New()
	return NewOn(t, seed, db)
}

// NewOn returns another gate over the same database.
func NewOn(t testing.TB, seed byte, db *memory.DB) *Env {
	e := &Env{T: t, Key: sign.FromSeed([32]byte{seed}, "executor"), DB: db, Store: store.New(db, db)}
	e.Clock.Store(1_000_000_000)
	e.Ledger = kvledger.Open(db, e.Key, e.Now)
	e.Gate = &exec.Gate{
		Signer: e.Key, Now: e.Now, Verifier: &caps.Verifier{Trusted: func(object.AgentID, uint8) bool { return true }},
		Quotas: quota.New(db, e.Now), Ledger: e.Ledger, Responses: e.Store, Tools: exec.NewTools(db),
		Runners: map[uint8]exec.Runner{},
	}
	blob.Add(e.Gate, e.Store)
	e.Builtin("test.count", exec.Builtin{RetrySafe: true, Run: func(_ context.Context, c exec.Call) (exec.Response, error) {
		e.Calls.Add(1)
		return exec.Response{Body: append([]byte("got "), c.Request...), Status: exec.StatusOK}, nil
	}})
	return e
}

// Now is the time of the test's clock.
func (e *Env) Now() object.Time { return object.Time(e.Clock.Load()) }

// Pass moves the clock forward.
func (e *Env) Pass(d time.Duration) { e.Clock.Add(d.Microseconds()) }

// Builtin adds a tool that needs tool.call for its own id.
func (e *Env) Builtin(name string, b exec.Builtin) {
	id := exec.BuiltinID(name)
	if b.Use == nil {
		b.Use = func(request []byte) (scope.Use, error) {
			return scope.Use{Kind: scope.KindToolCall, Tool: id, Request: request}, nil
		}
	}
	e.Gate.Builtin(name, b)
}

// Cap issues a capability to the executor itself.
func (e *Env) Cap(text string) caps.Chain {
	e.T.Helper()
	s, err := scope.Parse(text, nil)
	if err != nil {
		e.T.Fatal(err)
	}
	link, err := caps.Issue(e.Key, caps.Draft{Subject: e.Key.Agent(), Scope: s, NotBefore: 1, ExpiresAt: 1 << 60})
	if err != nil {
		e.T.Fatal(err)
	}
	return caps.Chain{link}
}

// ToolCap is a capability to call a tool.
func (e *Env) ToolCap(name, more string) caps.Chain {
	return e.Cap("tool.call:" + exec.BuiltinID(name).String() + more)
}

// Receipt reads a receipt back from the ledger and verifies it.
func (e *Env) Receipt(id object.Hash) *ledger.Receipt {
	e.T.Helper()
	raw, err := e.Ledger.Receipt(e.T.Context(), id)
	if err != nil {
		e.T.Fatal(err)
	}
	r, got, err := ledger.OpenReceipt(raw)
	if err != nil || got != id {
		e.T.Fatalf("receipt %s: %v", id, err)
	}
	return r
}
