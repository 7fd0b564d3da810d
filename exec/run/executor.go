package run

import (
	"context"
	"io"
	"slices"

	"github.com/mythos-project/mythos/caps"
	"github.com/mythos-project/mythos/exec"
	"github.com/mythos-project/mythos/exec/vm"
	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/store"
)

// Store is what an executor needs of the store; *store.Store is one.
type Store interface {
	exec.Responses
	PutObjects(ctx context.Context, objs ...store.Object) error
	PutBlob(ctx context.Context, r io.Reader, o store.PutOptions) (object.BlobRef, error)
}

// Executor runs tasks of bundles. It is safe for concurrent use, and so is
// running the same bundle many times at once.
type Executor struct {
	Gate  *exec.Gate
	Store Store
	KV    exec.KV // for run records
}

// Options are a task's context.
type Options struct {
	// Caps are the capabilities that REQUIRE_CAP can activate, by the id of the
	// leaf or of one above it. No others count.
	Caps []caps.Chain
	// OnContract is told of every contract that held, when the task emits
	// attestations. Its error ends the run.
	OnContract func(ctx context.Context, c vm.ContractCheck) error
	// OnEffect is told of every effect that was let through, with its request.
	OnEffect func(e exec.Effect, out exec.Outcome)
	// Refusing is the effect that the task is for: where a REQUIRE_CAP is refused, the
	// receipt is of it. Nil: of ToolRequireCap.
	Refusing *exec.Effect
	// NoRecord leaves out the run record: such a run cannot be replayed.
	NoRecord bool
	// Manner is how the effects of the run are made.
	Manner exec.Manner
	// NoReplays leaves nothing of a run all of whose effects had happened before: neither
	// record nor episode.
	NoReplays bool
	// NoMemo runs a pure task even when what it gives is known (spec/storage.md#memos).
	NoMemo bool

	brought *brought
}

// Result is what a run gave, and what it left.
type Result struct {
	vm.Result
	RunID     object.Hash      // of the run record; the zero Hash without one
	Memoized  bool             // the task is pure and was not run: all of this is of the run before
	TraceRef  *object.TraceRef // nil unless the task emits a trace
	EpisodeID *object.Hash     // likewise
}

// Run validates a bundle wholly and runs one of its tasks; the zero task id is
// the only task of a bundle that has one. A task that is halted is no error: see
// Result.Halt. A pure task that ended well before is not run again, but its result
// given ([Result.Memoized]). Errors: ir.ErrInvalid, vm.ErrNoTask; and, when the run did not
// finish but may later, those of the gate (ledger.ErrBusy,
// ledger.ErrUnknownOutcome, a runner's or the store's). An unfinished run leaves
// its receipts and no record.
func (x *Executor) Run(ctx context.Context, raw []byte, taskID object.Hash, o Options) (*Result, error) {
	p, err := vm.Prepare(raw, taskID)
	if err != nil {
		return nil, err
	}
	return x.run(ctx, raw, p, o)
}

// run runs a task that is ready, of the bundle with these bytes.
func (x *Executor) run(ctx context.Context, raw []byte, p *vm.Task, o Options) (_ *Result, err error) {
	memo := ""
	if !o.NoRecord && !o.NoMemo {
		if memo, err = memoKey(p); err != nil {
			return nil, err
		}
	}
	if memo != "" {
		if res, err := x.recall(ctx, memo, p); res != nil || err != nil {
			return res, err
		}
	}
	gave, err := p.Run(ctx, &liveWorld{
		gate: x.Gate, held: o.Caps, onContract: o.OnContract, onEffect: o.OnEffect, manner: o.Manner,
		refusing: o.Refusing, brought: o.brought,
	})
	if err != nil {
		return nil, err
	}
	res := &Result{Result: *gave}
	if o.NoReplays && res.Replayed > 0 && !slices.ContainsFunc(res.Effects, vm.Recorded.Fresh) {
		return res, nil
	}
	if err := x.keep(ctx, raw, p, res, o); err != nil || memo == "" {
		return res, err
	}
	return res, x.memoize(ctx, memo, res)
}
