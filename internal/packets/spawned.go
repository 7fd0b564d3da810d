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
	bundle, err := pa.carrier(extensionSpawned, raw, ir.HashScalar(t.Task))
	if err != nil {
		return nil, err
	}
	return pa.Pack(bundle, PackOptions{Caps: chains})
}

// spawned returns the run of a task of a spawn. This repository's own key must have signed the packet: nobody else
// decides what runs under capabilities that were active here.
func (pa *Packets) spawned(ctx context.Context, got *Received) (calls.RunSpec, error) {
	if self := pa.ID.Self(); !got.Author.Same(self) || !got.Packet.SignedBy(self) {
		return calls.RunSpec{}, fmt.Errorf("the task is of a spawn that %s has not signed: only a process with the key that spawned it runs it", self.Name())
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
