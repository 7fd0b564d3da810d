package wasm_test

import (
	"context"
	"fmt"

	"github.com/mythos-project/mythos/exec"
	"github.com/mythos-project/mythos/exec/wasm"
	"github.com/mythos-project/mythos/object"
)

// modules are modules by hash, as in a *store.Store.
type modules map[object.Hash][]byte

func (m modules) Bytes(_ context.Context, h object.Hash) ([]byte, error) { return m[h], nil }

// A module is named by the hash of its bytes. This one is minimal: a function _start that returns at once.
func Example() {
	code := []byte("\x00asm\x01\x00\x00\x00" + // version 1
		"\x01\x04\x01\x60\x00\x00" + // a type: no parameters, no results
		"\x03\x02\x01\x00" + // a function of it
		"\x07\x0a\x01\x06_start\x00\x00" + // exported
		"\x0a\x04\x01\x02\x00\x0b") // its code: end
	hash := object.Sum(code)
	ctx := context.Background()
	runner := wasm.New(modules{hash: code}, wasm.Cache{})
	defer runner.Close(ctx)
	res, err := runner.Run(ctx, exec.Call{Module: exec.ModuleRef{Kind: exec.KindWasm, ModuleHash: &hash}, Limits: exec.DefaultLimits()})
	fmt.Printf("%q %d %v\n", res.Body, res.Status, err)
	// Output:
	// "" 200 <nil>
}
