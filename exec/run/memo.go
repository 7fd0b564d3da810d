package run

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/mythos-project/mythos/exec/ir"
	"github.com/mythos-project/mythos/exec/vm"
	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/object/can"
	"github.com/mythos-project/mythos/store/kv"
)

// MemoTTL is how long the result of a pure task is reused; [Executor.EvictMemos] removes older ones.
const MemoTTL = 30 * 24 * time.Hour

// memoByKey is the prefix of memos' keys. Its number changes with the meaning or the cost of any op, so that results of
// an older machine are not found.
const memoByKey = kv.Memos + "1/"

// Memo leads from a pure task to its earlier run (spec/storage.md#memos).
type Memo struct {
	RunID    object.Hash      `can:"1,run_id"`
	Time     object.Time      `can:"2,time_observed"` // of that run
	TraceRef *object.TraceRef `can:"3,trace_ref"`     // absent unless the task emits a trace
}

// memoTask is hashed to get a memo's key.
type memoTask struct {
	BundleID object.Hash  `can:"1,bundle_id"`
	TaskID   object.Hash  `can:"2,task_id"`
	Args     []ir.Operand `can:"3,args"`
}

// memoKey is the key of a pure task's memo; empty for any other task.
func memoKey(t *vm.Task) (string, error) {
	if !t.Pure() {
		return "", nil
	}
	raw, err := can.Marshal(&memoTask{t.BundleID(), t.Def.TaskID, t.Def.Args})
	if err != nil {
		return "", fmt.Errorf("memo: %w", err)
	}
	return memoByKey + object.Sum(raw).String(), nil
}

// recall returns the earlier result of a pure task, or nil. A memo that is too old, or whose data is missing, damaged
// or invalid, counts as none: the task is run.
func (x *Executor) recall(ctx context.Context, key string, t *vm.Task) (*Result, error) {
	raw, found, err := x.KV.Get(ctx, key)
	if err != nil || !found {
		return nil, err
	}
	memo, err := object.Decode[Memo](raw)
	if err != nil || memo.expired(x.Gate.Now()) {
		return nil, nil
	}
	res, err := x.remembered(ctx, memo, t)
	if err != nil && ctx.Err() != nil {
		return nil, ctx.Err()
	}
	if err != nil {
		return nil, nil //nolint:nilerr // the run gives what the memo does not
	}
	return res, nil
}

var errMemo = errors.New("the memo is of another run")

// remembered reads the run that a memo names. The store checks the hashes of its data, and the record its id.
func (x *Executor) remembered(ctx context.Context, memo *Memo, t *vm.Task) (*Result, error) {
	rec, err := x.RunRecord(ctx, memo.RunID)
	if err != nil {
		return nil, err
	}
	if rec.RunID != memo.RunID || rec.BundleID != t.BundleID() || rec.TaskID != t.Def.TaskID || rec.Halt != 0 || len(rec.Activated) > 0 {
		return nil, errMemo
	}
	if t.Def.EmitTrace != (rec.EpisodeID != nil && memo.TraceRef != nil) {
		return nil, errMemo
	}
	encoded, err := x.Store.Bytes(ctx, rec.ResultHash)
	if err != nil {
		return nil, err
	}
	value, err := vm.ParseValue(encoded)
	if err != nil {
		return nil, err
	}
	trace, err := x.Store.Bytes(ctx, rec.TraceHash)
	if err != nil {
		return nil, err
	}
	gave := vm.Result{
		BundleID: rec.BundleID, TaskID: rec.TaskID, Value: value, ResultHash: rec.ResultHash, Trace: trace, TraceHash: rec.TraceHash, Spent: rec.Spent,
	}
	return &Result{Result: gave, RunID: rec.RunID, TraceRef: memo.TraceRef, EpisodeID: rec.EpisodeID, Memoized: true}, nil
}

// memoize records a memo for a task that succeeded. Only the trace's bytes are new.
func (x *Executor) memoize(ctx context.Context, key string, res *Result) error {
	if res.Halt != nil || res.RunID.IsZero() {
		return nil
	}
	ctx = context.WithoutCancel(ctx)
	if _, err := x.Store.PutBytes(ctx, res.Trace); err != nil {
		return fmt.Errorf("memo: %w", err)
	}
	raw, err := can.Marshal(&Memo{RunID: res.RunID, Time: x.Gate.Now(), TraceRef: res.TraceRef})
	if err != nil {
		return fmt.Errorf("memo: %w", err)
	}
	if _, err := x.KV.Update(ctx, nil, map[string][]byte{key: raw}); err != nil {
		return fmt.Errorf("memo: %w", err)
	}
	return nil
}

func (m *Memo) expired(now object.Time) bool { return now >= m.Time.Add(MemoTTL) }

// evictGroup is how many memos are removed in one step.
const evictGroup = 1024

// EvictMemos removes memos that are too old, unreadable, or from older machines, and returns their number; dry only
// counts them.
func (x *Executor) EvictMemos(ctx context.Context, dry bool) (uint64, error) {
	now, gone := x.Gate.Now(), []string(nil)
	err := x.KV.Scan(ctx, kv.Memos, kv.End(kv.Memos), func(key string, raw []byte) error {
		memo, err := object.Decode[Memo](raw)
		if err != nil || memo.expired(now) || !strings.HasPrefix(key, memoByKey) {
			gone = append(gone, key)
		}
		return ctx.Err()
	})
	if err != nil {
		return 0, fmt.Errorf("memos: %w", err)
	}
	if dry {
		return uint64(len(gone)), nil
	}
	for group := range slices.Chunk(gone, evictGroup) {
		put := make(map[string][]byte, len(group))
		for _, key := range group {
			put[key] = nil
		}
		if _, err := x.KV.Update(ctx, nil, put); err != nil {
			return 0, fmt.Errorf("memos: %w", err)
		}
	}
	return uint64(len(gone)), nil
}
