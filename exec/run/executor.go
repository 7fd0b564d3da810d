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

// Store is the store that an executor needs; *store.Store is one.
type Store interface {
	exec.Responses
	PutObjects(ctx context.Context, objs ...store.Object) error
	PutBlob(ctx context.Context, r io.Reader, o store.PutOptions) (object.BlobRef, error)
}

// Executor runs tasks of bundles. It is safe for concurrent use; the same bundle may also run many times at once.
type Executor struct {
	Gate  *exec.Gate
	Store Store
	KV    exec.KV // for run records
}

// Options are a task's context.
type Options struct {
	// Caps are the capabilities that REQUIRE_CAP can activate, by the id of the leaf or of a link above it. Others do
	// not count.
	Caps []caps.Chain
	// OnContract is called for every contract that held, if the task emits attestations. Its error ends the run.
	OnContract func(ctx context.Context, c vm.ContractCheck) error
	// OnEffect is called for every admitted effect, with its request.
	OnEffect func(e exec.Effect, out exec.Outcome)
	// Refusing is the effect that the task is for: the receipt of a refused REQUIRE_CAP is about it. Nil: about
	// ToolRequireCap.
	Refusing *exec.Effect
	// NoRecord writes no run record: the run cannot be replayed.
	NoRecord bool
	// Manner says how to run the effects of the run.
	Manner exec.Manner
	// NoReplays records nothing of a run all of whose effects had happened before: neither record nor episode.
	NoReplays bool
	// NoMemo runs a pure task even if its result is known (spec/storage.md#memos).
	NoMemo bool

	brought *brought
}

// Result is the result of a run, and what it left.
type Result struct {
	vm.Result
	RunID     object.Hash      // of the run record; the zero Hash if there is none
	Memoized  bool             // the task is pure and was not run: everything is from the earlier run
	TraceRef  *object.TraceRef // nil unless the task emits a trace
	EpisodeID *object.Hash     // likewise
}

// Run validates a bundle completely and runs one of its tasks; the zero task id means the only task of the bundle. A
// halted task is not an error: see Result.Halt. For a pure task that succeeded before, Run returns the earlier result
// ([Result.Memoized]). Errors: ir.ErrInvalid, vm.ErrNoTask; and, if the run did not finish but may later, those of the
// gate (ledger.ErrBusy, ledger.ErrUnknownOutcome, a runner's or the store's). An unfinished run leaves its receipts and
// no record.
func (x *Executor) Run(ctx context.Context, raw []byte, taskID object.Hash, o Options) (*Result, error) {
	p, err := vm.Prepare(raw, taskID)
	if err != nil {
		return nil, err
	}
	return x.run(ctx, raw, p, o)
}

// run runs a prepared task of the bundle with these bytes.
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
