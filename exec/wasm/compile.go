package wasm

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/imports/wasi_snapshot_preview1"

	"github.com/mythos-project/mythos/exec"
	"github.com/mythos-project/mythos/object"
)

const (
	pageSize = 64 << 10
	maxPages = 64 << 10 // 4 GiB, all that a module can address
)

func pagesOf(bytes int64) uint32 { return uint32(min(max(bytes/pageSize, 1), maxPages)) }

// compiled is a module that one call compiles while others wait for it.
type compiled struct {
	mu     sync.Mutex
	module wazero.CompiledModule // nil until compiled
	starts bool                  // it runs code while it is instantiated
	bad    error                 // why it cannot be a tool; wraps ErrModule
}

// kept is a module's compiled code, which its runtimes share.
type kept struct {
	wazero.CompilationCache
	sealed bool // it was found compiled; the next compilation needs no seal
}

// module returns the compiled module of the call's tool and its runtime.
func (r *Runner) module(ctx context.Context, call exec.Call) (wazero.Runtime, *compiled, error) {
	if call.Module.Kind != exec.KindWasm {
		return nil, nil, fmt.Errorf("wasm runner: the tool is of kind %s", exec.KindName(call.Module.Kind))
	}
	key := compiledKey{*call.Module.ModuleHash, pagesOf(call.Limits.MaxMemory)}
	rt, c, err := r.slot(ctx, key)
	if err != nil {
		return nil, nil, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.module != nil {
		return rt, c, nil
	}
	code, err := r.modules.Bytes(ctx, key.hash)
	if err != nil {
		return nil, nil, fmt.Errorf("wasm module %s: %w", key.hash.Short(), err)
	}
	return rt, c, r.compile(ctx, rt, c, key, code)
}

// compile compiles a module; c.mu is held.
func (r *Runner) compile(ctx context.Context, rt wazero.Runtime, c *compiled, key compiledKey, code []byte) (err error) {
	if c.module, err = rt.CompileModule(ctx, code); err != nil {
		return fmt.Errorf("compile wasm module %s: %w", key.hash.Short(), err)
	}
	c.starts, c.bad = startsItself(code), runnable(ctx, rt, c.module)
	r.keep(key.hash)
	return nil
}

// keep seals the compiled code, unless it came from the cache.
func (r *Runner) keep(module object.Hash) {
	r.mu.Lock()
	defer r.mu.Unlock()
	k := r.caches[module]
	if !k.sealed {
		r.cache.seal(module)
	}
	k.sealed = false // another memory limit may add more code
}

func (r *Runner) slot(ctx context.Context, key compiledKey) (wazero.Runtime, *compiled, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	rt, err := r.runtime(ctx, key)
	if err != nil {
		return nil, nil, err
	}
	c := r.compiled[key]
	if c == nil {
		c = new(compiled)
		r.compiled[key] = c
	}
	return rt, c, nil
}

// runtime returns the runtime of a module and memory limit; r.mu is held.
func (r *Runner) runtime(ctx context.Context, key compiledKey) (wazero.Runtime, error) {
	if rt := r.runtimes[key]; rt != nil {
		return rt, nil
	}
	k := r.caches[key.hash]
	if k == nil {
		k = &kept{}
		k.CompilationCache, k.sealed = r.cache.open(key.hash)
		r.caches[key.hash] = k
	}
	rt := wazero.NewRuntimeWithConfig(ctx, wazero.NewRuntimeConfig().
		WithCloseOnContextDone(true).
		WithMemoryLimitPages(key.pages).
		WithCompilationCache(k.CompilationCache))
	if _, err := wasi_snapshot_preview1.Instantiate(ctx, rt); err != nil {
		return nil, errors.Join(fmt.Errorf("WASI: %w", err), rt.Close(ctx))
	}
	r.runtimes[key] = rt
	return rt, nil
}
