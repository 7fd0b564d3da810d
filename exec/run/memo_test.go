package run_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/mythos-project/mythos/exec"
	"github.com/mythos-project/mythos/exec/ir"
	"github.com/mythos-project/mythos/exec/run"
	"github.com/mythos-project/mythos/exec/vm"
	"github.com/mythos-project/mythos/object"
)

const pureText = `.const greeting text "hello"
.symbol main (any) -> any entry @main
.task sym:main ($greeting) budget { cpu 1000, io 0, writes 0 } trace
main: list r1, r0, r0
ret r1`

// count is how many records the executor keeps under a prefix.
func (e *env) count(prefix string) (n int) {
	e.T.Helper()
	if err := e.DB.Scan(e.T.Context(), prefix, prefix+"\xff", func(string, []byte) error { n++; return nil }); err != nil {
		e.T.Fatal(err)
	}
	return n
}

func TestPureTaskIsRunOnce(t *testing.T) {
	e := newEnv(t, 1)
	first, again := e.run(pureText), e.run(pureText)
	if first.Memoized || !again.Memoized {
		t.Fatalf("memoized: %t, then %t", first.Memoized, again.Memoized)
	}
	if again.RunID != first.RunID || *again.EpisodeID != *first.EpisodeID || again.TraceRef == nil || again.TraceRef.TraceBlob.CID != first.TraceRef.TraceBlob.CID {
		t.Error("the second run is another one than the first")
	}
	if !again.Value.Equal(first.Value) || again.ResultHash != first.ResultHash || object.Sum(again.Trace) != first.TraceHash || again.Spent.CPUus != first.Spent.CPUus {
		t.Errorf("the first run gave %v, the second %v", first, again)
	}
	if n := e.count("e/r/"); n != 1 {
		t.Errorf("%d run records, one is expected", n)
	}
	forced, err := e.x.Run(t.Context(), e.assemble(pureText), object.Hash{}, run.Options{NoMemo: true})
	if err != nil || forced.Memoized || forced.ResultHash != first.ResultHash || forced.TraceHash != first.TraceHash {
		t.Errorf("with NoMemo: %+v, %v", forced, err)
	}
	if res, err := e.x.Replay(t.Context(), again.RunID); err != nil || res.ResultHash != first.ResultHash {
		t.Errorf("replay of the memoized run: %v", err)
	}
	other := e.run(strings.Replace(pureText, `"hello"`, `"other"`, 1))
	if other.Memoized || other.ResultHash == first.ResultHash {
		t.Error("another argument gave the first one's result")
	}
}

// TestTasksWithOtherArguments: two tasks of one bundle have memos of their own.
func TestTasksWithOtherArguments(t *testing.T) {
	e := newEnv(t, 1)
	raw := e.assemble(`.symbol main (any) -> any entry @main
.task sym:main (1) budget { cpu 1000, io 0, writes 0 }
.task sym:main (2) budget { cpu 1000, io 0, writes 0 }
main: ret r0`)
	tasks := tasksOf(t, raw)
	for round := range 2 {
		for i, id := range tasks {
			res, err := e.x.Run(t.Context(), raw, id, run.Options{})
			if err != nil {
				t.Fatal(err)
			}
			if res.Memoized != (round == 1) || res.Value.Uint() != uint64(i+1) || res.TaskID != id {
				t.Errorf("round %d, task %d: %+v", round, i, res)
			}
		}
	}
}

// TestImpureTasksAreRunAgain: a task that can reach an effect or a capability runs each time, even if an earlier run
// reached none.
func TestImpureTasksAreRunAgain(t *testing.T) {
	chainOf := func(e *env) string { return e.ToolCap("test.count", "")[0].ID.String() }
	tool := exec.BuiltinID("test.count").String()
	for name, text := range map[string]string{
		"an effect": `.symbol main () -> any entry @main
.tool count (any) -> any id #` + tool + `
.task sym:main () budget { cpu 10000, io 1, writes 0 }
main: require_cap #CAP
effect tool:count, 5, r1, r2
ret r1`,
		"an effect on a path not taken": `.symbol main () -> any entry @main
.tool count (any) -> any id #` + tool + `
.task sym:main () budget { cpu 10000, io 1, writes 0 }
main: jz r0, @end
effect tool:count, 5, r1, r2
end: ret r1`,
		"a capability": `.symbol main () -> any entry @main
.task sym:main () budget { cpu 10000, io 1, writes 0 }
main: require_cap #CAP
ret r1`,
		"a capability in what it calls": `.symbol main () -> any entry @main
.symbol helper () -> any entry @helper
.task sym:main () budget { cpu 10000, io 1, writes 0 }
main: call sym:helper, 0, r1
ret r1
helper: require_cap #CAP
ret r0`,
		"a blob on a path not taken": `.symbol main () -> any entry @main
.task sym:main () budget { cpu 10000, io 1, writes 0 }
main: const r3, 5
match r3, 6, @blob
ret r3
blob: blob_get #` + tool + `, r0, r1, r2
ret r1`,
	} {
		t.Run(name, func(t *testing.T) {
			e := newEnv(t, 1)
			chain := e.ToolCap("test.count", "")
			text := strings.ReplaceAll(text, "CAP", chainOf(e))
			first := e.run(text, chain)
			e.Pass(time.Second)
			again := e.run(text, chain)
			if first.Halt != nil || again.Halt != nil || again.Memoized || again.RunID == first.RunID {
				t.Errorf("run, and run again: %+v, %+v", first, again)
			}
			if n := len(first.Receipts); int(e.Calls.Load()) != 2*n {
				t.Errorf("%d calls of the tool in two runs, %d in the first", e.Calls.Load(), n)
			}
			if n := e.count("e/m/"); n != 0 {
				t.Errorf("%d memos", n)
			}
		})
	}
}

// TestAttestingTaskIsRunAgain: an attestation has an outside effect, a contract has not.
func TestAttestingTaskIsRunAgain(t *testing.T) {
	text := `.contract fine { requires true
ensures true }
.symbol main () -> any entry @main
.task sym:main () budget { cpu 1000, io 0, writes 0 } ATTEST
main: const r1, 5
assert contract:fine, r1
ret r1`
	for attest, want := range map[string]bool{"": true, "attest": false} {
		e := newEnv(t, 1)
		e.run(strings.Replace(text, "ATTEST", attest, 1))
		if got := e.run(strings.Replace(text, "ATTEST", attest, 1)).Memoized; got != want {
			t.Errorf("%q: memoized %t", attest, got)
		}
	}
}

func TestHaltedTaskIsRunAgain(t *testing.T) {
	e := newEnv(t, 1)
	text := `.symbol main () -> any entry @main
.task sym:main () budget { cpu 100, io 0, writes 0 }
main: jmp @main`
	e.run(text)
	if res := e.run(text); res.Memoized || !errors.Is(res.Halt, vm.ErrBudget) {
		t.Errorf("%+v", res)
	}
}

// TestMemoIsChecked: if any part is missing or damaged, the task is run and memoized again.
func TestMemoIsChecked(t *testing.T) {
	damage := func(e *env, key string, value []byte) {
		if _, err := e.DB.Update(context.Background(), nil, map[string][]byte{key: value}); err != nil {
			e.T.Fatal(err)
		}
	}
	key := func(e *env, prefix string) (found string) {
		if err := e.DB.Scan(context.Background(), prefix, prefix+"\xff", func(key string, _ []byte) error { found = key; return nil }); err != nil || found == "" {
			e.T.Fatalf("nothing under %s: %v", prefix, err)
		}
		return found
	}
	other := strings.Replace(pureText, `"hello"`, `"other"`, 1)
	for name, spoil := range map[string]func(e *env, first *run.Result){
		"memo damaged": func(e *env, _ *run.Result) { damage(e, key(e, "e/m/"), []byte("?")) },
		"run missing":  func(e *env, _ *run.Result) { damage(e, key(e, "e/r/"), nil) },
		"run damaged":  func(e *env, _ *run.Result) { damage(e, key(e, "e/r/"), []byte("?")) },
		"of another task": func(e *env, _ *run.Result) {
			k := key(e, "e/m/")
			damage(e, k, nil)
			e.run(other)
			foreign := key(e, "e/m/")
			raw, _, err := e.DB.Get(context.Background(), foreign)
			if err != nil {
				e.T.Fatal(err)
			}
			damage(e, k, raw)
		},
		"too old": func(e *env, _ *run.Result) { e.Pass(run.MemoTTL) },
	} {
		t.Run(name, func(t *testing.T) {
			e := newEnv(t, 1)
			first := e.run(pureText)
			spoil(e, first)
			again := e.run(pureText)
			if again.Memoized || again.ResultHash != first.ResultHash {
				t.Errorf("memoized %t, result %s instead of %s", again.Memoized, again.ResultHash, first.ResultHash)
			}
			if !e.run(pureText).Memoized {
				t.Error("it is not remembered anew")
			}
		})
	}
}

func TestEvictMemos(t *testing.T) {
	e := newEnv(t, 1)
	e.run(pureText)
	e.Pass(run.MemoTTL / 2)
	e.run(strings.Replace(pureText, `"hello"`, `"other"`, 1))
	evict := func(dry bool, want uint64, left int) {
		t.Helper()
		if got, err := e.x.EvictMemos(t.Context(), dry); err != nil || got != want || e.count("e/m/") != left {
			t.Errorf("evicted %d of %d, %d are left of %d: %v", got, want, e.count("e/m/"), left, err)
		}
	}
	evict(false, 0, 2)
	e.Pass(run.MemoTTL/2 + time.Second)
	evict(true, 1, 2)
	evict(false, 1, 1)
	if e.run(pureText).Memoized {
		t.Error("an evicted memo is found")
	}
}

func tasksOf(t *testing.T, raw []byte) (ids []object.Hash) {
	t.Helper()
	b, _, err := ir.Validate(raw)
	if err != nil {
		t.Fatal(err)
	}
	for i := range b.Tasks.Tasks {
		ids = append(ids, b.Tasks.Tasks[i].TaskID)
	}
	return ids
}
