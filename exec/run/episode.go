package run

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/mythos-project/mythos/exec/ir"
	"github.com/mythos-project/mythos/exec/vm"
	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/object/can"
	"github.com/mythos-project/mythos/store"
	"github.com/mythos-project/mythos/store/kv"
)

// TraceMedia is the media type of a trace's blob.
const TraceMedia = "application/mythos.trace"

// Context is the content whose hash is an episode's context_hash: the task that ran.
type Context struct {
	BundleID object.Hash `can:"1,bundle_id"`
	TaskID   object.Hash `can:"2,task_id"`
}

// ContextHash is the context_hash of a task's episodes: the hash of the
// canonical Context (spec/evidence.md#context).
func ContextHash(bundleID, taskID object.Hash) (object.Hash, error) {
	return object.Rule{}.IDOf(&Context{bundleID, taskID})
}

// keep stores the results of a finished run: the trace's blob and the episode if the task emits a trace, then the run
// record.
func (x *Executor) keep(ctx context.Context, raw []byte, t *vm.Task, res *Result, o Options) error {
	ctx = context.WithoutCancel(ctx) // the effects have happened: record the run completely
	now := x.Gate.Now()
	if t.Def.EmitTrace {
		if err := x.keepEpisode(ctx, res, now); err != nil {
			return fmt.Errorf("episode: %w", err)
		}
	}
	if o.NoRecord {
		return nil
	}
	if slices.ContainsFunc(res.Effects, vm.Recorded.Brought) {
		if _, err := x.Store.PutBytes(ctx, o.brought.data); err != nil {
			return fmt.Errorf("keep the request: %w", err)
		}
	}
	if err := x.keepRecord(ctx, raw, res, now); err != nil {
		return fmt.Errorf("run record: %w", err)
	}
	return nil
}

// keepEpisode stores the trace as a blob, and the EpisodeRef: context_hash as
// ContextHash says, outcome_hash the hash of the result, the time of the end.
func (x *Executor) keepEpisode(ctx context.Context, res *Result, now object.Time) error {
	blob, err := x.Store.PutBlob(ctx, bytes.NewReader(res.Trace), store.PutOptions{Media: TraceMedia})
	if err != nil {
		return err
	}
	res.TraceRef = &object.TraceRef{TraceBlob: blob, ReceiptIDs: res.Receipts}
	if res.Receipts == nil {
		res.TraceRef.ReceiptIDs = []object.Hash{}
	}
	context, err := ContextHash(res.BundleID, res.TaskID)
	if err != nil {
		return err
	}
	e := object.EpisodeRef{TraceRef: *res.TraceRef, ContextHash: context, OutcomeHash: res.ResultHash, TimeObserved: now}
	if e.EpisodeID, err = object.EpisodeRule.IDOf(&e); err != nil {
		return err
	}
	raw, err := can.Marshal(&e)
	if err != nil {
		return err
	}
	res.EpisodeID = &e.EpisodeID
	return x.Store.PutObjects(ctx, store.Object{ID: e.EpisodeID, Kind: "EpisodeRef", Raw: raw})
}

// Record is everything needed to replay a run, except byte strings in the store. Records are stored under "e/r/" and
// their id; "e/e/" and an episode's id names the run.
type Record struct {
	RunID      object.Hash   `can:"1,run_id"`
	BundleHash object.Hash   `can:"2,bundle_hash"` // SHA-256 of the bundle's bytes, which are in the store
	BundleID   object.Hash   `can:"3,bundle_id"`
	TaskID     object.Hash   `can:"4,task_id"`
	ResultHash object.Hash   `can:"5,result_hash"` // the value's bytes are in the store
	TraceHash  object.Hash   `can:"6,trace_hash"`
	EpisodeID  *object.Hash  `can:"7,episode_id"`
	Spent      ir.Budget     `can:"8,spent"`
	Time       object.Time   `can:"9,time_observed"`
	Activated  []object.Hash `can:"10,activated"` // ids that REQUIRE_CAP activated
	Effects    object.Hash   `can:"11,effects"`   // of the canonical RecordedEffects, which are in the store
	Halt       uint16        `can:"12,halt,omitzero"`
}

// RecordedEffects are the effects of a run, in order.
type RecordedEffects struct {
	Effects []vm.Recorded `can:"1,effects"`
}

// RecordRule identifies a Record.
var RecordRule = object.Rule{Mask: can.Mask{1: nil}, IDField: 1}

// Structs describes the structs of this package.
var Structs = []object.Struct{
	object.Define[Answer]("Answer", object.Rule{}),
	object.Define[Context]("TaskContext", object.Rule{}),
	object.Define[Record]("RunRecord", RecordRule),
	object.Define[RecordedEffects]("RecordedEffects", object.Rule{}),
	object.Define[Memo]("Memo", object.Rule{}),
}

const (
	runByID      = kv.Runs
	runByEpisode = kv.RunsOfEpisodes
)

func (x *Executor) keepRecord(ctx context.Context, raw []byte, res *Result, now object.Time) error {
	effects, err := can.Marshal(&RecordedEffects{res.Effects})
	if err != nil {
		return err
	}
	hashes, err := x.putAll(ctx, raw, res.Value.Encode(), effects)
	if err != nil {
		return err
	}
	rec := Record{
		BundleHash: hashes[0], BundleID: res.BundleID, TaskID: res.TaskID, ResultHash: res.ResultHash, TraceHash: res.TraceHash,
		EpisodeID: res.EpisodeID, Spent: res.Spent, Time: now, Activated: res.Activated, Effects: hashes[2],
	}
	var halt *vm.HaltError
	if errors.As(res.Halt, &halt) {
		rec.Halt = uint16(halt.Code)
	}
	if rec.RunID, err = RecordRule.IDOf(&rec); err != nil {
		return err
	}
	encoded, err := can.Marshal(&rec)
	if err != nil {
		return err
	}
	put := map[string][]byte{runByID + rec.RunID.String(): encoded}
	if rec.EpisodeID != nil {
		put[runByEpisode+rec.EpisodeID.String()] = rec.RunID.Sum[:]
	}
	if _, err := x.KV.Update(ctx, nil, put); err != nil {
		return err
	}
	res.RunID = rec.RunID
	return nil
}

// putAll stores several byte strings at once, with one sync.
func (x *Executor) putAll(ctx context.Context, data ...[]byte) ([]object.Hash, error) {
	hashes, errs := make([]object.Hash, len(data)), make([]error, len(data))
	var wg sync.WaitGroup
	for i := range data {
		wg.Go(func() { hashes[i], errs[i] = x.Store.PutBytes(ctx, data[i]) })
	}
	wg.Wait()
	return hashes, errors.Join(errs...)
}
