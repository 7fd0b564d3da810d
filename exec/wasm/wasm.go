// Package wasm runs tools that are WebAssembly modules for WASI preview 1, with wazero (spec/tools.md#registration).
//
// The request is the module's standard input, its standard output the response. The last bytes of standard error become
// the receipt's notes when the module fails. A module has no files, no network, no environment, no clock and no random
// source, so that its response depends only on the request:
//
//	arguments    "tool", then the registration's argv
//	wall clock   stands still at 1970-01-01T00:00:00Z
//	monotonic    starts at 0, rises by 1 ms with every reading and by every sleep
//	sleep        returns at once
//	random       ChaCha8 of the all-zero seed, as Go's math/rand/v2 defines it
//
// Exit code 0 is status 200; any other, and a trap, 500; a response beyond the limit 502; the timeout 504. Memory
// beyond the limit is refused: the module's allocation fails. A last line "used tokens=N gpu_ms=N" on standard error
// reports the module's use.
//
// Every call has an instance of its own. A module is compiled once per process and memory limit; compiled code is
// stored for the next process ([Cache]). A module that cannot be compiled, linked or given its memory did not start; a
// module that traps once its code runs has failed.
package wasm

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/tetratelabs/wazero"

	"github.com/mythos-project/mythos/exec"
	"github.com/mythos-project/mythos/exec/output"
	"github.com/mythos-project/mythos/object"
)

// Modules finds a module's bytes by their hash, which it has verified. *store.Store is one.
type Modules interface {
	Bytes(ctx context.Context, h object.Hash) ([]byte, error)
}

// Runner runs wasm tools. Make one with New. It is safe for concurrent use.
type Runner struct {
	modules Modules
	cache   Cache

	mu       sync.Mutex
	caches   map[object.Hash]*kept
	runtimes map[compiledKey]wazero.Runtime
	compiled map[compiledKey]*compiled
}

var (
	_ exec.Runner   = (*Runner)(nil)
	_ exec.Preparer = (*Runner)(nil)
)

type compiledKey struct {
	hash  object.Hash
	pages uint32
}

// New returns a Runner that finds modules in modules and stores compiled code in a cache. Close it after use.
func New(modules Modules, cache Cache) *Runner {
	return &Runner{
		modules:  modules,
		cache:    cache,
		caches:   make(map[object.Hash]*kept),
		runtimes: make(map[compiledKey]wazero.Runtime),
		compiled: make(map[compiledKey]*compiled),
	}
}

// Close frees all compiled code. No Run may be running.
func (r *Runner) Close(ctx context.Context) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	var errs []error
	for _, rt := range r.runtimes {
		errs = append(errs, rt.Close(ctx))
	}
	for _, k := range r.caches {
		errs = append(errs, k.Close(ctx))
	}
	clear(r.caches)
	clear(r.runtimes)
	clear(r.compiled)
	return errors.Join(errs...)
}

// Prepare finds and compiles the tool's module, and refuses one that would run nothing.
func (r *Runner) Prepare(ctx context.Context, call exec.Call) error {
	_, c, err := r.module(ctx, call)
	if err != nil {
		return err
	}
	return c.bad
}

// Run makes an instance of the tool's module and lets it run to its end.
func (r *Runner) Run(ctx context.Context, call exec.Call) (exec.Response, error) {
	ref := call.Module
	rt, c, err := r.module(ctx, call)
	if err == nil {
		err = c.bad
	}
	if err != nil {
		return exec.Response{}, exec.NotStarted(err)
	}
	limited, cancel := context.WithTimeout(ctx, call.Limits.Timeout)
	defer cancel()
	in := newInstance(call, cancel)
	call.Started()
	mod, err := rt.InstantiateModule(limited, c.module, in.config(ctx, call))
	if err != nil && !c.starts {
		return exec.Response{}, exec.NotStarted(fmt.Errorf("module %s: %w", ref.ModuleHash.Short(), err))
	}
	if err == nil {
		_, err = mod.ExportedFunction(entry).Call(limited)
		_ = mod.Close(ctx) // frees memory only; the outcome is in err
	}
	if ctx.Err() != nil {
		return exec.Response{}, fmt.Errorf("module %s was stopped: %w", ref.ModuleHash.Short(), ctx.Err())
	}
	res := in.response(err, limited.Err() != nil)
	res.Use = output.Reported(in.stderr.Bytes)
	return res, nil
}
