package vm_test

import (
	"context"
	"errors"
	"fmt"

	"github.com/mythos-project/mythos/caps"
	"github.com/mythos-project/mythos/exec/ir/asm"
	"github.com/mythos-project/mythos/exec/vm"
	"github.com/mythos-project/mythos/object"
)

// still is a world in which nothing happens: enough for a program without effects.
type still struct{}

var errStill = errors.New("nothing happens here")

func (still) Now() object.Time                                          { return 1 }
func (still) Activate(context.Context, object.Hash) (caps.Chain, error) { return nil, errStill }
func (still) Do(context.Context, vm.Effect) (vm.Outcome, error)         { return vm.Outcome{}, errStill }
func (still) OverBudget(context.Context, vm.Effect, error) error        { return errStill }
func (still) Builtin(object.Hash) (writes, spawns bool)                 { return false, false }
func (still) Contract(context.Context, vm.ContractCheck) error          { return nil }

// A task of a program without effects gives the same result everywhere.
func Example() {
	bundle, err := asm.Assemble([]byte(`
.const hello text "hello"
.task #"sym:main" () budget { cpu 100, io 0, writes 0 }
	list r0, $hello, 7
	get r1, r0, 0
	ret r1
`))
	if err != nil {
		panic(err)
	}
	task, err := vm.Prepare(bundle, object.Hash{})
	if err != nil {
		panic(err)
	}
	res, err := task.Run(context.Background(), still{})
	if err != nil {
		panic(err)
	}
	fmt.Printf("%s, %d µs, pure: %v\n", res.Value.Data(), res.Spent.CPUus, task.Pure())
	// Output: hello, 3 µs, pure: true
}
