package run_test

import (
	"testing"

	"github.com/mythos-project/mythos/caps"
	"github.com/mythos-project/mythos/exec/exectest"
	"github.com/mythos-project/mythos/exec/ir/asm"
	"github.com/mythos-project/mythos/exec/run"
	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/store/memory"
)

// env is an executor over a gate with real components.
type env struct {
	*exectest.Env
	x *run.Executor
}

func newEnv(t testing.TB, seed byte) *env { return newEnvOn(t, seed, memory.New()) }

// newEnvOn is another executor over the same database.
func newEnvOn(t testing.TB, seed byte, db *memory.DB) *env {
	e := exectest.NewOn(t, seed, db)
	return &env{e, &run.Executor{Gate: e.Gate, Store: e.Store, KV: db}}
}

// assemble makes a bundle from a valid text.
func (e *env) assemble(text string) []byte {
	e.T.Helper()
	raw, err := asm.Assemble([]byte(text))
	if err != nil {
		e.T.Fatalf("%v\n%s", err, text)
	}
	return raw
}

func (e *env) run(text string, chains ...caps.Chain) *run.Result {
	e.T.Helper()
	res, err := e.x.Run(e.T.Context(), e.assemble(text), object.Hash{}, run.Options{Caps: chains})
	if err != nil {
		e.T.Fatal(err)
	}
	return res
}
