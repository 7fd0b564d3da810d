package exec

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/mythos-project/mythos/caps"
	"github.com/mythos-project/mythos/exec/ir"
	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/object/can"
	"github.com/mythos-project/mythos/store"
)

// Store is what an executor needs of the store; *store.Store is one.
type Store interface {
	Responses
	PutObjects(ctx context.Context, objs ...store.Object) error
	PutBlob(ctx context.Context, r io.Reader, o store.PutOptions) (object.BlobRef, error)
}

// Executor runs tasks of bundles. It is safe for concurrent use, and so is
// running the same bundle many times at once.
type Executor struct {
	Gate  *Gate
	Store Store
	KV    KV // for run records
}

// ErrNoTask means that a bundle has no such task, or several when none was named.
var ErrNoTask = errors.New("no such task in the bundle")

// RunOptions are a task's context.
type RunOptions struct {
	// Caps are the capabilities that REQUIRE_CAP can activate, by the id of the
	// leaf or of one above it. No others count.
	Caps []caps.Chain
	// OnContract is told of every contract that held, when the task emits
	// attestations. Its error ends the run.
	OnContract func(ctx context.Context, c ContractCheck) error
	// OnEffect is told of every effect that was let through, with its request.
	OnEffect func(e Effect, out Outcome)
	// Refusing is the effect that the task is for: where a REQUIRE_CAP is refused, the
	// receipt is of it. Nil: of ToolRequireCap.
	Refusing *Effect
	// NoRecord leaves out the run record: such a run cannot be replayed.
	NoRecord bool
	// Manner is how the effects of the run are made.
	Manner Manner
	// NoReplays leaves nothing of a run all of whose effects had happened before: neither
	// record nor episode.
	NoReplays bool
	// NoMemo runs a pure task even when what it gives is known (spec/storage.md#memos).
	NoMemo bool

	brought *brought
}

// Result is what a run gave.
type Result struct {
	RunID      object.Hash // of the run record; the zero Hash without one
	Memoized   bool        // the task is pure and was not run: all of this is of the run before
	BundleID   object.Hash
	TaskID     object.Hash
	Value      Value // the task's result, or its canonical error object
	ResultHash object.Hash
	Halt       error         // nil, or the *HaltError behind the error object
	Receipts   []object.Hash // of all effects, refused ones included, in order
	Invoked    int           // effects that happened in this run
	Replayed   int           // effects that had happened before
	Effects    []Recorded    // all effects, in order
	Trace      []byte        // canonical Trace
	TraceHash  object.Hash
	TraceRef   *object.TraceRef // nil unless the task emits a trace
	EpisodeID  *object.Hash     // likewise
	Spent      ir.Budget
}

// Run validates a bundle wholly and runs one of its tasks; the zero task id is
// the only task of a bundle that has one. A task that is halted is no error: see
// Result.Halt. A pure task that ended well before is not run again, but its result
// given ([Result.Memoized]). Errors: ir.ErrInvalid, ErrNoTask; and, when the run did not
// finish but may later, those of the gate (ledger.ErrBusy,
// ledger.ErrUnknownOutcome, a runner's or the store's). An unfinished run leaves
// its receipts and no record.
func (x *Executor) Run(ctx context.Context, raw []byte, taskID object.Hash, o RunOptions) (*Result, error) {
	p, err := prepare(raw, taskID)
	if err != nil {
		return nil, err
	}
	return x.run(ctx, raw, p, o)
}

// run runs a task that is ready, of the bundle with these bytes.
func (x *Executor) run(ctx context.Context, raw []byte, p *prepared, o RunOptions) (_ *Result, err error) {
	memo := ""
	if !o.NoRecord && !o.NoMemo {
		if memo, err = p.memoKey(); err != nil {
			return nil, err
		}
	}
	if memo != "" {
		if res, err := x.recall(ctx, memo, p); res != nil || err != nil {
			return res, err
		}
	}
	m := p.machine(&liveWorld{
		gate: x.Gate, held: o.Caps, onContract: o.OnContract, onEffect: o.OnEffect, manner: o.Manner,
		refusing: o.Refusing, brought: o.brought,
	})
	res, err := m.finish(ctx, p)
	if err != nil {
		return nil, err
	}
	if o.NoReplays && res.Replayed > 0 && !slices.ContainsFunc(res.Effects, Recorded.fresh) {
		return res, nil
	}
	if err := x.keep(ctx, raw, p, m, res, o); err != nil || memo == "" {
		return res, err
	}
	return res, x.memoize(ctx, memo, res)
}

// prepared is a task that is ready to run.
type prepared struct {
	prog  *program
	task  *ir.TaskDef
	entry int
}

func prepare(raw []byte, taskID object.Hash) (*prepared, error) {
	bundle, _, err := ir.Validate(raw)
	if err != nil {
		return nil, err
	}
	id, err := ir.BundleID(raw)
	if err != nil {
		return nil, err
	}
	task, err := findTask(bundle, taskID)
	if err != nil {
		return nil, err
	}
	return &prepared{compile(bundle, id), task, bundle.Entry(task.EntrySymbol)}, nil
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

func (p *prepared) machine(w world) *machine {
	return &machine{prog: p.prog, world: w, meter: newMeter(p.task.Budget, w.now()), attest: p.task.EmitAttestation}
}

// finish runs the task and says what it gave.
func (m *machine) finish(ctx context.Context, p *prepared) (*Result, error) {
	args := make([]arg, len(p.task.Args))
	for i, o := range p.task.Args {
		args[i] = compileOperand(o, p.prog.consts)
	}
	value, err := m.run(ctx, p.entry, args)
	var halt *HaltError
	if errors.As(err, &halt) {
		value = halt.Value()
	} else if err != nil {
		return nil, err
	}
	res := &Result{
		BundleID: p.prog.id, TaskID: p.task.TaskID, Value: value, ResultHash: value.Digest(),
		Receipts: m.receipts(), Effects: m.log, Spent: m.meter.spent(),
	}
	if halt != nil {
		res.Halt = halt
		m.trace = append(m.trace, TraceEvent{
			Op: halt.Op, Kind: EventHalt, Subject: res.ResultHash, Status: uint16(halt.Code), CPUus: m.meter.cpu,
		})
	}
	for _, r := range m.log {
		switch {
		case r.Halt != 0 || r.brought():
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
