package run

import (
	"context"
	"errors"
	"fmt"
	"math"

	"github.com/mythos-project/mythos/caps"
	"github.com/mythos-project/mythos/exec"
	"github.com/mythos-project/mythos/exec/vm"
	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/store/kv"
)

// ErrReplay means that the replay of a run over its recorded responses differed from the run. The error is a
// *ReplayError.
var ErrReplay = errors.New("the replay differs from the recorded run")

// ReplayError is the first difference between a run and its replay.
type ReplayError struct {
	What   string      // "tool", "request", "effects", "capability", "halt", "result", "trace" or "spent"
	Effect int         // index of the effect at which the difference appeared; -1: at the end
	Want   object.Hash // as recorded; the zero Hash if there was none
	Got    object.Hash
}

func (e *ReplayError) Error() string {
	where := "at the end"
	if e.Effect >= 0 {
		where = fmt.Sprintf("at effect %d", e.Effect)
	}
	return fmt.Sprintf("%v: %s %s: recorded %s, now %s", ErrReplay, e.What, where, e.Want, e.Got)
}

// Unwrap gives ErrReplay.
func (e *ReplayError) Unwrap() error { return ErrReplay }

// ErrNoRun means that no run is recorded under an id.
var ErrNoRun = errors.New("no such run")

// RunRecord finds the record of a run by its own id or by its episode's.
func (x *Executor) RunRecord(ctx context.Context, id object.Hash) (*Record, error) {
	raw, found, err := x.KV.Get(ctx, runByID+id.String())
	if err != nil {
		return nil, err
	}
	if !found {
		digest, ok, err := x.KV.Get(ctx, runByEpisode+id.String())
		if err != nil {
			return nil, err
		}
		if !ok || len(digest) != 32 {
			return nil, fmt.Errorf("%w: %s", ErrNoRun, id)
		}
		if raw, _, err = x.KV.Get(ctx, runByID+object.HashOf([32]byte(digest)).String()); err != nil {
			return nil, err
		}
	}
	rec, _, err := object.Open[Record](raw, RecordRule)
	if err != nil {
		return nil, fmt.Errorf("record of run %s: %w", id.Short(), err)
	}
	return rec, nil
}

// Runs calls fn for every recorded run, ascending by id.
func (x *Executor) Runs(ctx context.Context, fn func(*Record) error) error {
	return x.RunsFrom(ctx, "", fn)
}

// RunsFrom is Runs for those whose ids begin with the hex digits of prefix.
func (x *Executor) RunsFrom(ctx context.Context, prefix string, fn func(*Record) error) error {
	return x.KV.Scan(ctx, runByID+prefix, kv.End(runByID+prefix), func(_ string, raw []byte) error {
		rec, _, err := object.Open[Record](raw, RecordRule)
		if err != nil {
			return fmt.Errorf("run record: %w", err)
		}
		return fn(rec)
	})
}

// Replay executes a recorded run again. Nothing is invoked, charged or written: every effect gives its recorded answer,
// and counts as invoked or replayed as it did in the run. The error is a *ReplayError with the first difference between
// the run and its replay.
func (x *Executor) Replay(ctx context.Context, runID object.Hash) (*Result, error) {
	rec, err := x.RunRecord(ctx, runID)
	if err != nil {
		return nil, err
	}
	raw, err := x.Store.Bytes(ctx, rec.BundleHash)
	if err != nil {
		return nil, fmt.Errorf("the run's bundle: %w", err)
	}
	list, err := x.Store.Bytes(ctx, rec.Effects)
	if err != nil {
		return nil, fmt.Errorf("the run's effects: %w", err)
	}
	effects, err := object.Decode[RecordedEffects](list)
	if err != nil {
		return nil, fmt.Errorf("the run's effects: %w", err)
	}
	t, err := vm.Prepare(raw, rec.TaskID)
	if err != nil {
		return nil, err
	}
	w := &recordedWorld{gate: x.Gate, responses: x.Store, rec: rec, effects: effects.Effects}
	res, err := t.Run(ctx, w)
	if err != nil {
		return nil, err
	}
	return &Result{Result: *res, RunID: rec.RunID}, w.compare(res)
}

// recordedWorld gives the answers of a recorded run.
type recordedWorld struct {
	gate      *exec.Gate
	responses exec.Responses
	rec       *Record
	effects   []vm.Recorded
	next      int
}

// Now does not advance. Only a run that was over its deadline after its last effect is over it at that point. A
// deadline that was exceeded before an effect is recorded with the effect.
func (w *recordedWorld) Now() object.Time {
	last := w.next - 1
	if vm.HaltCode(w.rec.Halt) == vm.HaltDeadline && last >= 0 && last == len(w.effects)-1 && w.effects[last].Halt == 0 {
		return math.MaxInt64
	}
	return w.rec.Time
}

func (w *recordedWorld) Builtin(id object.Hash) (writes, spawns bool) {
	return w.gate.Charged(id)
}

func (w *recordedWorld) Contract(context.Context, vm.ContractCheck) error { return nil }

func (w *recordedWorld) Activate(_ context.Context, id object.Hash) (caps.Chain, error) {
	for _, have := range w.rec.Activated {
		if have == id {
			return caps.Chain{{ID: id}}, nil
		}
	}
	if vm.HaltCode(w.rec.Halt) == vm.HaltCapability {
		return nil, &vm.Refusal{Code: vm.HaltCapability, Err: asRecorded(vm.HaltCapability)}
	}
	return nil, &ReplayError{What: "capability", Effect: w.next, Got: id}
}

// Do finds the effect in the record and reads its response.
func (w *recordedWorld) Do(ctx context.Context, e vm.Effect) (vm.Outcome, error) {
	r, err := w.take(e)
	if err != nil {
		return vm.Outcome{}, err
	}
	if r.Halt != 0 {
		return vm.Outcome{}, w.refusal(r)
	}
	if r.ResponseHash == nil || (r.ReceiptID == nil && r.Tool != exec.BuiltinID(vm.ToolBlobGet)) {
		return vm.Outcome{}, fmt.Errorf("effect %d of the record lacks its response", w.next-1)
	}
	body, err := w.responses.Bytes(ctx, *r.ResponseHash)
	if err != nil {
		return vm.Outcome{}, fmt.Errorf("%w: %w", exec.ErrNoResponse, err)
	}
	out := vm.Outcome{
		Body: body, Status: r.Status, RequestHash: r.RequestHash, ResponseHash: *r.ResponseHash, Replayed: r.Replayed, Tokens: r.Tokens,
	}
	if r.ReceiptID != nil {
		out.ReceiptID = *r.ReceiptID
	}
	return out, nil
}

// OverBudget is an effect beyond the budget: the record has its refusal, too.
func (w *recordedWorld) OverBudget(_ context.Context, e vm.Effect, _ error) error {
	r, err := w.take(e)
	if err != nil {
		return err
	}
	return w.refusal(r)
}

func (w *recordedWorld) take(e vm.Effect) (vm.Recorded, error) {
	if w.next >= len(w.effects) {
		return vm.Recorded{}, &ReplayError{What: "effects", Effect: w.next, Got: e.Tool}
	}
	r := w.effects[w.next]
	if r.Tool != e.Tool {
		return r, &ReplayError{What: "tool", Effect: w.next, Want: r.Tool, Got: e.Tool}
	}
	if got := object.Sum(e.Request); got != r.RequestHash {
		return r, &ReplayError{What: "request", Effect: w.next, Want: r.RequestHash, Got: got}
	}
	w.next++
	return r, nil
}

// refusal is the error of a recorded refusal, with its code, status and receipt.
func (w *recordedWorld) refusal(r vm.Recorded) error {
	why := asRecorded(vm.HaltCode(r.Halt))
	if r.ReceiptID != nil {
		why = &exec.RefusedError{Tool: r.Tool, Status: r.Status, ReceiptID: *r.ReceiptID, Err: why}
	}
	return &vm.Refusal{Code: vm.HaltCode(r.Halt), Status: r.Status, ReceiptID: r.ReceiptID, Err: why}
}

// asRecorded is the reason of a refusal whose code alone is known.
func asRecorded(code vm.HaltCode) error { return fmt.Errorf("as recorded: %s", code) }

// compare finds the first difference at the end of a replay.
func (w *recordedWorld) compare(res *vm.Result) error {
	var halt *vm.HaltError
	code := vm.HaltCode(0)
	if errors.As(res.Halt, &halt) {
		code = halt.Code
	}
	switch {
	case w.next < len(w.effects):
		return &ReplayError{What: "effects", Effect: w.next, Want: w.effects[w.next].Tool}
	case code != vm.HaltCode(w.rec.Halt):
		return &ReplayError{What: "halt", Effect: -1, Want: w.rec.ResultHash, Got: res.ResultHash}
	case res.ResultHash != w.rec.ResultHash:
		return &ReplayError{What: "result", Effect: -1, Want: w.rec.ResultHash, Got: res.ResultHash}
	case res.TraceHash != w.rec.TraceHash:
		return &ReplayError{What: "trace", Effect: -1, Want: w.rec.TraceHash, Got: res.TraceHash}
	}
	return nil
}
