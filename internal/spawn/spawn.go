// Package spawn implements the effect compute.spawn: tasks of a bundle that run in parallel.
package spawn

import (
	"context"
	"errors"
	"fmt"
	"math"

	"github.com/mythos-project/mythos/caps/scope"
	"github.com/mythos-project/mythos/exec"
	"github.com/mythos-project/mythos/exec/ir"
	"github.com/mythos-project/mythos/exec/output"
	"github.com/mythos-project/mythos/exec/run"
	"github.com/mythos-project/mythos/exec/vm"
	"github.com/mythos-project/mythos/internal/calls"
	"github.com/mythos-project/mythos/internal/par"
	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/object/can"
	"github.com/mythos-project/mythos/store"
	"github.com/mythos-project/mythos/store/codec"
)

const effectSpawn = "compute.spawn"

// Spawner runs the tasks of compute.spawn in this process.
type Spawner struct {
	Gate   *exec.Gate
	Store  *store.Store
	Caller *calls.Caller
}

const (
	maxWorkers       = 256      // of one spawn
	maxSpawnDepth    = 4        // maximum nesting of spawns
	maxBundle        = 16 << 20 // bytes
	maxSpawnEvidence = 1024     // hashes in the receipt
	spawnsAtOnce     = 8        // workers of one spawn running at a time
)

// LocalPool is the worker pool of every repository: its own executor.
var LocalPool = object.SumText("pool:local")

// Register registers compute.spawn. It is not retry-safe itself; the effects of the tasks are, if they have keys.
func (sp *Spawner) Register() {
	sp.Gate.Builtin(effectSpawn, exec.Builtin{
		Use: func(request []byte) (scope.Use, error) {
			q, err := openSpawn(request)
			if err != nil {
				return scope.Use{}, err
			}
			return scope.Use{Kind: scope.KindComputeSpawn, Pool: q.PoolID, Workers: uint64(len(q.Tasks)), CPUus: q.CPUus, IO: uint64(q.IO)}, nil
		},
		Run: sp.runSpawn, Spawns: true,
	})
}

func openSpawn(request []byte) (*vm.SpawnRequest, error) {
	q, err := object.Decode[vm.SpawnRequest](request)
	if err != nil {
		return nil, err
	}
	if len(q.Tasks) == 0 || len(q.Tasks) > maxWorkers {
		return nil, fmt.Errorf("%d tasks are not 1 to %d", len(q.Tasks), maxWorkers)
	}
	return q, nil
}

func (sp *Spawner) runSpawn(ctx context.Context, c exec.Call) (exec.Response, error) {
	q, err := openSpawn(c.Request)
	if err != nil {
		return exec.Response{}, err
	}
	if c.Inner.Depth >= maxSpawnDepth {
		return exec.Response{Status: exec.StatusBadRequest, Notes: fmt.Sprintf("more than %d spawns inside one another", maxSpawnDepth)}, nil
	}
	if q.PoolID != LocalPool {
		return exec.Response{Status: exec.StatusNotFound, Notes: fmt.Sprintf("pool %s is not here", q.PoolID)}, nil
	}
	raw, err := sp.bundle(ctx, q.Bundle)
	if errors.Is(err, store.ErrNotFound) {
		return exec.Response{Status: exec.StatusNotFound, Notes: fmt.Sprintf("bundle %s is not here", q.Bundle)}, nil
	}
	if err != nil {
		return exec.Response{}, err
	}
	if err := fits(q, raw); err != nil {
		return exec.Response{Status: exec.StatusBadRequest, Notes: err.Error()}, nil
	}
	manner := c.Inner
	manner.Depth++
	results, err := sp.workers(ctx, q, calls.RunSpec{Bundle: raw, Caps: c.Caps, Manner: manner})
	if err != nil {
		return exec.Response{}, err
	}
	return answer(q, results)
}

// bundle reads a bundle that is a blob.
func (sp *Spawner) bundle(ctx context.Context, cid object.Hash) ([]byte, error) {
	blob, err := sp.Store.OpenBlob(ctx, cid, codec.Keys{})
	if err != nil {
		return nil, err
	}
	defer blob.Close()
	out := &output.Head{Limit: maxBundle, Full: func() {}}
	if err := blob.Copy(ctx, out); err != nil && !out.Over {
		return nil, err
	}
	if out.Over {
		return nil, fmt.Errorf("bundle %s has more than %d bytes", cid.Short(), maxBundle)
	}
	return out.Bytes, nil
}

// fits checks that the tasks exist and that the sum of their budgets is within the requested budget, and so within what
// was charged.
func fits(q *vm.SpawnRequest, raw []byte) error {
	bundle, _, err := ir.Validate(raw)
	if err != nil {
		return err
	}
	budgets := map[object.Hash]ir.Budget{}
	for _, t := range bundle.Tasks.Tasks {
		budgets[t.TaskID] = t.Budget
	}
	var cpu, io uint64
	for _, id := range q.Tasks {
		b, ok := budgets[id]
		if !ok {
			return fmt.Errorf("%w: %s", vm.ErrNoTask, id)
		}
		if cpu > math.MaxUint64-b.CPUus {
			return errors.New("the tasks' budgets add up to more than 64 bits")
		}
		cpu, io = cpu+b.CPUus, io+uint64(b.IOCount)
	}
	if cpu > q.CPUus || io > uint64(q.IO) {
		return fmt.Errorf("the tasks' budgets add up to %d us and %d io, asked for were %d and %d", cpu, io, q.CPUus, q.IO)
	}
	return nil
}

// workers runs the tasks. The first error prevents those that have not begun.
func (sp *Spawner) workers(ctx context.Context, q *vm.SpawnRequest, each calls.RunSpec) ([]*run.Result, error) {
	results := make([]*run.Result, len(q.Tasks))
	err := par.Each(ctx, len(q.Tasks), spawnsAtOnce, func(ctx context.Context, i int) error {
		s := each
		s.Task = q.Tasks[i]
		ran, err := sp.Caller.Run(ctx, s)
		if err == nil {
			results[i] = ran.Result
		}
		return err
	})
	return results, err
}

func answer(q *vm.SpawnRequest, results []*run.Result) (exec.Response, error) {
	out := vm.Spawned{Results: []object.Hash{}, Halted: []bool{}}
	evidence := []object.Hash{q.Bundle}
	for _, r := range results {
		out.Results, out.Halted = append(out.Results, r.ResultHash), append(out.Halted, r.Halt != nil)
		out.CPUus += r.Spent.CPUus
		if len(evidence)+len(r.Receipts) <= maxSpawnEvidence {
			evidence = append(evidence, r.Receipts...)
		}
	}
	body, err := can.Marshal(&out)
	return exec.Response{Body: body, Status: exec.StatusOK, Evidence: evidence}, err
}
