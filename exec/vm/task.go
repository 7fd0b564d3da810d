package vm

import (
	"context"
	"errors"
	"fmt"

	"github.com/mythos-project/mythos/exec/ir"
	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/object/can"
)

// ErrNoTask means that a bundle has no such task, or has several and none was named.
var ErrNoTask = errors.New("no such task in the bundle")

// Task is a task of a valid bundle, ready to run any number of times.
type Task struct {
	Def *ir.TaskDef // must not be changed

	prog  *program
	entry int
}

// Prepare validates a bundle completely and finds one of its tasks; the zero task id means the only task of the bundle.
// Errors: ir.ErrInvalid, ErrNoTask.
func Prepare(raw []byte, taskID object.Hash) (*Task, error) {
	bundle, _, err := ir.Validate(raw)
	if err != nil {
		return nil, err
	}
	id, err := ir.BundleID(raw)
	if err != nil {
		return nil, err
	}
	def, err := findTask(bundle, taskID)
	if err != nil {
		return nil, err
	}
	return New(bundle, id, def), nil
}

// New is a task of a bundle, with its id, that ir.Check or ir.Validate has found valid.
func New(b *ir.Bundle, id object.Hash, def *ir.TaskDef) *Task {
	return &Task{def, compile(b, id), b.Entry(def.EntrySymbol)}
}

// BundleID is the artifact id of the task's bundle.
func (t *Task) BundleID() object.Hash { return t.prog.id }

// Result is the result of a task.
type Result struct {
	BundleID   object.Hash
	TaskID     object.Hash
	Value      Value // the task's result, or its canonical error object
	ResultHash object.Hash
	Halt       error         // nil, or the *HaltError for the error object
	Receipts   []object.Hash // of all effects, refused ones included, in order
	Invoked    int           // effects that happened in this run
	Replayed   int           // effects that had happened before
	Effects    []Recorded    // all effects, in order
	Activated  []object.Hash // the ids that REQUIRE_CAP activated, each once
	Trace      []byte        // canonical Trace
	TraceHash  object.Hash
	Spent      ir.Budget
}

// Run runs the task. A halted task is not an error: see Result.Halt. An error means that the run did not finish but may
// later; it comes from the world or from ctx.
func (t *Task) Run(ctx context.Context, w World) (*Result, error) {
	return t.machine(w).finish(ctx, t)
}

func findTask(b *ir.Bundle, id object.Hash) (*ir.TaskDef, error) {
	tasks := b.Tasks.Tasks
	if id.IsZero() {
		if len(tasks) != 1 {
			return nil, fmt.Errorf("%w: it has %d tasks, name one", ErrNoTask, len(tasks))
		}
		return &tasks[0], nil
	}
	for i := range tasks {
		if tasks[i].TaskID == id {
			return &tasks[i], nil
		}
	}
	return nil, fmt.Errorf("%w: %s", ErrNoTask, id)
}

func (t *Task) machine(w World) *machine {
	return &machine{prog: t.prog, world: w, meter: newMeter(t.Def.Budget, w.Now()), attest: t.Def.EmitAttestation}
}

// finish runs the task and returns its result.
func (m *machine) finish(ctx context.Context, t *Task) (*Result, error) {
	args := make([]arg, len(t.Def.Args))
	for i, o := range t.Def.Args {
		args[i] = compileOperand(o, t.prog.consts)
	}
	value, err := m.run(ctx, t.entry, args)
	var halt *HaltError
	if errors.As(err, &halt) {
		value = halt.Value()
	} else if err != nil {
		return nil, err
	}
	res := &Result{
		BundleID: t.prog.id, TaskID: t.Def.TaskID, Value: value, ResultHash: value.Digest(),
		Receipts: m.receipts(), Effects: m.log, Activated: m.activated, Spent: m.meter.spent(),
	}
	if halt != nil {
		res.Halt = halt
		m.trace = append(m.trace, TraceEvent{
			Op: halt.Op, Kind: EventHalt, Subject: res.ResultHash, Status: uint16(halt.Code), CPUus: m.meter.cpu,
		})
	}
	for _, r := range m.log {
		switch {
		case r.Halt != 0 || r.Brought():
		case r.Replayed:
			res.Replayed++
		default:
			res.Invoked++
		}
	}
	return res, m.traceOf(res)
}

// traceOf encodes the trace.
func (m *machine) traceOf(res *Result) error {
	t := Trace{BundleID: res.BundleID, TaskID: res.TaskID, Events: m.trace, ResultHash: res.ResultHash, Spent: res.Spent}
	raw, err := can.Marshal(&t)
	if err != nil {
		return fmt.Errorf("trace: %w", err)
	}
	res.Trace, res.TraceHash = raw, object.Sum(raw)
	return nil
}
