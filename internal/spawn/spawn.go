// Package spawn implements the effect compute.spawn: tasks of a bundle that run in parallel, here or by the processes
// that take the tasks of this repository.
package spawn

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"time"

	"github.com/mythos-project/mythos/caps"
	"github.com/mythos-project/mythos/caps/scope"
	"github.com/mythos-project/mythos/exec"
	"github.com/mythos-project/mythos/exec/ir"
	"github.com/mythos-project/mythos/exec/output"
	"github.com/mythos-project/mythos/exec/vm"
	"github.com/mythos-project/mythos/internal/calls"
	"github.com/mythos-project/mythos/internal/par"
	"github.com/mythos-project/mythos/ledger"
	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/object/can"
	"github.com/mythos-project/mythos/store"
	"github.com/mythos-project/mythos/store/codec"
)

const effectSpawn = "compute.spawn"

// Spawner runs the tasks of compute.spawn.
type Spawner struct {
	Gate    *exec.Gate
	Store   *store.Store
	Caller  *calls.Caller
	Workers Workers // run those of the pool `workers`
}

// Workers run tasks in other processes.
type Workers interface {
	// Run runs the tasks under the given capabilities, and returns what became of each, in their order. An error leaves
	// it unknown what they have done, unless it wraps exec.ErrNotStarted. note, if not nil, is told that nobody takes
	// them.
	Run(ctx context.Context, tasks []Task, caps []caps.Chain, note io.Writer) ([]Result, error)
}

// Task is a task of a spawn, with the id of the bundle that has it.
type Task struct {
	vm.SpawnedTask
	BundleID object.Hash
}

// Result is the result of a task.
type Result struct {
	Hash     object.Hash
	Halted   bool
	CPUus    uint64
	Receipts []object.Hash
}

const (
	maxWorkers       = 256      // of one spawn
	maxSpawnDepth    = 4        // maximum nesting of spawns
	maxBundle        = 16 << 20 // bytes
	maxSpawnEvidence = 1024     // hashes in the receipt
	spawnsAtOnce     = 8        // tasks of one spawn running at a time in this process
	maxTime          = 24 * time.Hour
)

// The pools of every repository [cap-114].
var (
	LocalPool   = object.SumText("pool:local")   // the executor itself
	WorkersPool = object.SumText("pool:workers") // the processes that take the repository's tasks
)

// Register registers compute.spawn.
func (sp *Spawner) Register() {
	sp.Gate.Builtin(effectSpawn, exec.Builtin{
		Use: func(request []byte) (scope.Use, error) {
			q, err := openSpawn(request)
			if err != nil {
				return scope.Use{}, err
			}
			return scope.Use{Kind: scope.KindComputeSpawn, Pool: q.PoolID, Workers: uint64(len(q.Tasks)), CPUus: q.CPUus, IO: uint64(q.IO)}, nil
		},
		Run: sp.runSpawn, Spawns: true, Repeatable: sp.repeatable, Limits: exec.Limits{Timeout: maxTime},
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
	if q.PoolID != LocalPool && q.PoolID != WorkersPool {
		return exec.Response{Status: exec.StatusNotFound, Notes: fmt.Sprintf("pool %s is not here", q.PoolID)}, nil
	}
	raw, err := sp.Bundle(ctx, q.Bundle)
	if errors.Is(err, store.ErrNotFound) {
		return exec.Response{Status: exec.StatusNotFound, Notes: fmt.Sprintf("bundle %s is not here", q.Bundle)}, nil
	}
	if err != nil {
		return exec.Response{}, err
	}
	if err := fits(q, raw); err != nil {
		return exec.Response{Status: exec.StatusBadRequest, Notes: err.Error()}, nil
	}
	run := sp.here
	if q.PoolID == WorkersPool {
		run = sp.elsewhere
	}
	c.Inner.Depth++
	results, err := run(ctx, c, q, raw)
	if err != nil {
		return exec.Response{}, err
	}
	return answer(q, results)
}

// repeatable reports whether repeating a request does nothing twice: every effect that its tasks can reach has a key.
func (sp *Spawner) repeatable(ctx context.Context, request []byte) bool {
	q, err := openSpawn(request)
	if err != nil {
		return false
	}
	raw, err := sp.Bundle(ctx, q.Bundle)
	if err != nil {
		return false
	}
	slices.SortFunc(q.Tasks, object.Hash.Compare)
	for _, id := range slices.Compact(q.Tasks) {
		if t, err := vm.Prepare(raw, id); err != nil || !t.Repeatable() {
			return false
		}
	}
	return true
}

// Bundle reads a bundle that is a blob. The error wraps store.ErrNotFound if it is not here.
func (sp *Spawner) Bundle(ctx context.Context, cid object.Hash) ([]byte, error) {
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

// here runs the tasks in this process. The first error prevents those that have not begun.
func (sp *Spawner) here(ctx context.Context, c exec.Call, q *vm.SpawnRequest, raw []byte) ([]Result, error) {
	results := make([]Result, len(q.Tasks))
	err := par.Each(ctx, len(q.Tasks), spawnsAtOnce, func(ctx context.Context, i int) error {
		ran, err := sp.Caller.Run(ctx, calls.RunSpec{Bundle: raw, Task: q.Tasks[i], Caps: c.Caps, Manner: c.Inner})
		if err == nil {
			results[i] = Result{ran.ResultHash, ran.Halt != nil, ran.Spent.CPUus, ran.Receipts}
		}
		return err
	})
	return results, err
}

// elsewhere has the tasks run by the processes that take this repository's tasks.
func (sp *Spawner) elsewhere(ctx context.Context, c exec.Call, q *vm.SpawnRequest, raw []byte) ([]Result, error) {
	id, err := ir.BundleID(raw)
	if err != nil {
		return nil, err
	}
	spawn := ledger.IdemID(c.Tool, c.Key)
	if len(c.Key) == 0 {
		if _, err := rand.Read(spawn.Sum[:]); err != nil {
			return nil, err
		}
	}
	tasks := make([]Task, len(q.Tasks))
	for i, task := range q.Tasks {
		tasks[i] = Task{vm.SpawnedTask{Spawn: spawn, Number: uint16(i), Bundle: q.Bundle, Task: task, Depth: uint8(c.Inner.Depth), Capture: c.Inner.Capture}, id}
	}
	defer c.Inner.Waits()()
	return sp.Workers.Run(ctx, tasks, c.Caps, c.Inner.Stderr)
}

func answer(q *vm.SpawnRequest, results []Result) (exec.Response, error) {
	out := vm.Spawned{Results: []object.Hash{}, Halted: []bool{}}
	evidence := []object.Hash{q.Bundle}
	for _, r := range results {
		out.Results, out.Halted = append(out.Results, r.Hash), append(out.Halted, r.Halted)
		out.CPUus += r.CPUus
		if len(evidence)+len(r.Receipts) <= maxSpawnEvidence {
			evidence = append(evidence, r.Receipts...)
		}
	}
	body, err := can.Marshal(&out)
	return exec.Response{Body: body, Status: exec.StatusOK, Evidence: evidence}, err
}
