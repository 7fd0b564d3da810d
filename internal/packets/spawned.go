package packets

import (
	"context"
	"fmt"

	"github.com/mythos-project/mythos/caps"
	"github.com/mythos-project/mythos/exec"
	"github.com/mythos-project/mythos/exec/ir"
	"github.com/mythos-project/mythos/exec/vm"
	"github.com/mythos-project/mythos/internal/calls"
	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/object/can"
)

// PackSpawned signs a task of a spawn for a process that works on this repository under the same key. The chains are
// the capabilities that the task may activate. The same task and chains give the same packet.
func (pa *Packets) PackSpawned(t *vm.SpawnedTask, chains []caps.Chain) ([]byte, error) {
	raw, err := can.Marshal(t)
	if err != nil {
		return nil, err
	}
	b := ir.NewBuilder(pa.ID.Self())
	b.Meta().Extensions = map[string][]byte{extensionSpawned: raw}
	b.Op(ir.OpConst, ir.Reg(0), b.Const(ir.HashScalar(t.Task)))
	b.Op(ir.OpRet, ir.Reg(0))
	sym := b.Symbol(ir.SymbolSig{ModuleID: object.SumText(extensionSpawned), ArgTypeIDs: []object.Hash{}, ReturnTypeID: ir.TypeAny, Entry: new(uint32)})
	b.Task(ir.TaskDef{EntrySymbol: sym, Budget: ir.Budget{CPUus: 1000}})
	bundle, err := b.Build()
	if err != nil {
		return nil, err
	}
	return pa.Pack(bundle, PackOptions{Caps: chains})
}

// spawned returns the run of a task of a spawn. The packet's author must be this repository's own key: nobody else
// decides what runs under capabilities that were active here.
func (pa *Packets) spawned(ctx context.Context, got *Received) (calls.RunSpec, error) {
	if !got.Author.Same(pa.ID.Self()) {
		return calls.RunSpec{}, fmt.Errorf("the task is of a spawn by %s: only a process that has that key runs it", got.Author.Name())
	}
	t := got.Spawned
	raw, err := pa.Bundle(ctx, t.Bundle)
	return calls.RunSpec{Bundle: raw, Task: t.Task, Caps: got.Caps, Manner: exec.Manner{Depth: int(t.Depth), Capture: t.Capture}}, err
}

// Prepare returns the task that [Packets.Serve] would run for a packet.
func (pa *Packets) Prepare(ctx context.Context, got *Received) (*vm.Task, error) {
	if got.Spawned == nil {
		return vm.Prepare(got.Bundle, object.Hash{})
	}
	s, err := pa.spawned(ctx, got)
	if err != nil {
		return nil, err
	}
	return vm.Prepare(s.Bundle, s.Task)
}
