package wasm

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/imports/wasi_snapshot_preview1"

	"github.com/mythos-project/mythos/exec"
	"github.com/mythos-project/mythos/object"
)

// ErrModule means that a module cannot be run as a tool.
var ErrModule = errors.New("not a WASI command")

const entry = "_start"

// Check compiles a module and refuses one that would run nothing: it does not export _start, or it needs something that
// the sandbox lacks. Errors wrap ErrModule.
func (r *Runner) Check(ctx context.Context, code []byte) error {
	key := compiledKey{object.Sum(code), pagesOf(exec.DefaultLimits().MaxMemory)}
	rt, c, err := r.slot(ctx, key)
	if err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.module == nil {
		if err := r.compile(ctx, rt, c, key, code); err != nil {
			return fmt.Errorf("%w: %w", ErrModule, err)
		}
	}
	return c.bad
}

// runnable refuses a module that does not export _start, or that has unavailable imports.
func runnable(ctx context.Context, rt wazero.Runtime, m wazero.CompiledModule) error {
	start, ok := m.ExportedFunctions()[entry]
	if !ok {
		return fmt.Errorf("%w: it exports no %s: it is a library or a reactor, and cannot run by itself", ErrModule, entry)
	}
	if len(start.ParamTypes())+len(start.ResultTypes()) > 0 {
		return fmt.Errorf("%w: its %s has parameters or results", ErrModule, entry)
	}
	if len(m.ImportedMemories()) > 0 {
		return fmt.Errorf("%w: it imports a memory", ErrModule)
	}
	wasi, err := wasi_snapshot_preview1.NewBuilder(rt).Compile(ctx)
	if err != nil {
		return err
	}
	defer wasi.Close(ctx)
	has := wasi.ExportedFunctions()
	for _, f := range m.ImportedFunctions() {
		module, name, _ := f.Import()
		given, ok := has[name]
		if !ok || module != wasi_snapshot_preview1.ModuleName || !slices.Equal(given.ParamTypes(), f.ParamTypes()) || !slices.Equal(given.ResultTypes(), f.ResultTypes()) {
			return fmt.Errorf("%w: it imports %s.%s, which the sandbox does not have", ErrModule, module, name)
		}
	}
	return nil
}

const sectionStart = 8

// startsItself reports whether a module has a start section, whose function runs when the
// module is instantiated.
func startsItself(code []byte) bool {
	for at := 8; at < len(code); {
		id := code[at]
		size, n := binary.Uvarint(code[at+1:])
		if id == sectionStart {
			return true
		}
		if n <= 0 || size > uint64(len(code)) {
			return false
		}
		at += 1 + n + int(size)
	}
	return false
}
