package run_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/mythos-project/mythos/caps"
	"github.com/mythos-project/mythos/exec"
	"github.com/mythos-project/mythos/exec/output"
	"github.com/mythos-project/mythos/exec/run"
	"github.com/mythos-project/mythos/exec/vm"
	"github.com/mythos-project/mythos/ledger"
	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/object/can"
	"github.com/mythos-project/mythos/object/merkle"
	"github.com/mythos-project/mythos/store"
	"github.com/mythos-project/mythos/store/codec"
)

// program is a text with one task, main, and the tool test.count. $0, $1, ... are the ids of the capabilities.
func program(budget, flags, body string, chains ...caps.Chain) string {
	for i, c := range chains {
		body = strings.ReplaceAll(body, fmt.Sprintf("$%d", i), "#"+c[0].ID.String())
	}
	return `.tool count (bytes) -> bytes id #"tool:mythos.test.count"
.tool tokens (bytes) -> bytes id #"tool:mythos.test.tokens"
.tool spawn (bytes) -> bytes id #"tool:mythos.test.spawn"
.tool slow (bytes) -> bytes id #"tool:mythos.test.slow"
.symbol main () -> any entry @main
.symbol sub () -> any entry @sub
.task sym:main () budget { ` + budget + ` } ` + flags + "\nmain: " + body + "\nsub: halt\n"
}

const plenty = "cpu 1000000, io 100, writes 100"

func TestEffectInProgram(t *testing.T) {
	e := newEnv(t, 1)
	chain := e.ToolCap("test.count", "")
	res := e.run(program(plenty, "", `require_cap $0
effect tool:count, 5, r1, r2
get r3, r2, 8
get r4, r2, 4
list r0, r1, r3, r4
ret r0`, chain), chain)
	want := append([]byte("got "), can.AppendUint(nil, 5)...)
	items := res.Value.Items()
	if res.Halt != nil || len(items) != 3 || !bytes.Equal(items[0].Data(), want) || items[1].Uint() != 200 || items[2].Hash() != object.Sum(want) {
		t.Fatalf("%x, %v", res.Value.Encode(), res.Halt)
	}
	if len(res.Receipts) != 1 || res.Invoked != 1 || res.Replayed != 0 || res.Spent.IOCount != 1 {
		t.Errorf("%+v", res)
	}
}

// TestTwoExecutors: executors with other keys, at other times, over other databases, run the same bundle. Each holds an
// attenuation of the capability that the bundle names. Result, trace and spent budget are the same; the receipts are
// each executor's own.
func TestTwoExecutors(t *testing.T) {
	root := newEnv(t, 9)
	parent, err := caps.Issue(root.Key, caps.Draft{
		Subject: root.Key.Agent(), Scope: root.ToolCap("test.count", "")[0].Cap.Scope, NotBefore: 1, ExpiresAt: 1 << 60, Delegable: true,
	})
	if err != nil {
		t.Fatal(err)
	}
	text := ".const k text \"key\"\n" + program(plenty, "trace", `require_cap $0
effect tool:count, 1, r1, r2, $k
effect tool:count, r1, r3, r4
list r0, r1, r2, r3, r4
ret r0`, caps.Chain{parent})
	var results []*run.Result
	for seed := byte(1); seed <= 3; seed++ {
		e := newEnv(t, seed)
		e.Pass(time.Duration(seed) * time.Hour)
		leaf, err := caps.Attenuate(root.Key, caps.Chain{parent}, caps.Draft{Subject: e.Key.Agent()})
		if err != nil {
			t.Fatal(err)
		}
		results = append(results, e.run(text, caps.Chain{leaf, parent}), e.run(text, caps.Chain{leaf, parent}))
	}
	first := results[0]
	for i, r := range results {
		if r.Halt != nil || r.ResultHash != first.ResultHash || r.TraceHash != first.TraceHash || !bytes.Equal(r.Trace, first.Trace) {
			t.Errorf("run %d: %v, result %s, trace %s", i, r.Halt, r.ResultHash, r.TraceHash)
		}
		if i >= 2 && (r.Receipts[0] == first.Receipts[0] || *r.EpisodeID == *first.EpisodeID) {
			t.Error("two executors signed the same receipt")
		}
	}
}

func TestReplayedRunInvokesNothing(t *testing.T) {
	e := newEnv(t, 1)
	chain := e.ToolCap("test.count", ",calls=1")
	text := ".const k text \"key\"\n" + program(plenty, "trace", "require_cap $0\neffect tool:count, 5, r1, r2, $k\nret r1", chain)
	first, second := e.run(text, chain), e.run(text, chain)
	if first.Halt != nil || first.Invoked != 1 || second.Invoked != 0 || second.Replayed != 1 || e.Calls.Load() != 1 {
		t.Fatalf("%+v, %+v", first, second)
	}
	if first.ResultHash != second.ResultHash || first.TraceHash != second.TraceHash || first.Receipts[0] != second.Receipts[0] {
		t.Error("the second run differs")
	}
}

// TestAuthorityIsPerFrame: a called symbol starts with no active capability, and its activations end with it.
func TestAuthorityIsPerFrame(t *testing.T) {
	e := newEnv(t, 1)
	chain := e.ToolCap("test.count", "")
	for name, body := range map[string]string{
		"not inherited": "require_cap $0\ncall sym:sub, (), r1\nret r1\nhalt\nhalt",
		"not returned":  "call sym:sub, (), r1\neffect tool:count, 5, r1, r2\nret r1",
	} {
		text := program(plenty, "", body, chain)
		sub := "sub: effect tool:count, 5, r1, r2\nret r1"
		if name == "not returned" {
			sub = "sub: require_cap #" + chain[0].ID.String() + "\nret r1"
		}
		res := e.run(strings.Replace(text, "sub: halt", sub, 1), chain)
		if !errors.Is(res.Halt, caps.ErrDenied) {
			t.Errorf("%s: %v", name, res.Halt)
		}
		if len(res.Receipts) != 1 || e.Receipt(res.Receipts[0]).Status != exec.StatusDenied {
			t.Errorf("%s: no receipt of the refusal", name)
		}
	}
}

func (e *env) budgetTools() []caps.Chain {
	e.Builtin("test.tokens", exec.Builtin{Run: func(context.Context, exec.Call) (exec.Response, error) {
		return exec.Response{Status: exec.StatusOK, Use: output.Use{Tokens: 10}}, nil
	}})
	e.Builtin("test.spawn", exec.Builtin{Spawns: true, Writes: true, Run: func(context.Context, exec.Call) (exec.Response, error) {
		return exec.Response{Status: exec.StatusOK}, nil
	}})
	e.Builtin("test.slow", exec.Builtin{Run: func(_ context.Context, c exec.Call) (exec.Response, error) {
		e.Pass(60 * time.Microsecond)
		return exec.Response{Status: exec.StatusOK, Body: fmt.Append(nil, c.Limits.Timeout.Microseconds())}, nil
	}})
	return []caps.Chain{e.ToolCap("test.count", ""), e.ToolCap("test.tokens", ""), e.ToolCap("test.spawn", ""), e.ToolCap("test.slow", "")}
}

// TestBudgets exhausts each budget with an effect; cpu and depth are exhausted
// without one in vm_test.go.
func TestBudgets(t *testing.T) {
	tests := []struct {
		name, budget, tool string
		allowed            int // effects that happen
		refused            int // receipts of refusals
		code               vm.HaltCode
	}{
		{"io_count", "cpu 100000, io 3, writes 0", "count", 3, 1, vm.HaltIO},
		{"tokens", "cpu 100000, io 100, writes 0, tokens 25", "tokens", 3, 0, vm.HaltTokens},
		{"tokens exactly", "cpu 100000, io 2, writes 0, tokens 20", "tokens", 2, 1, vm.HaltIO},
		{"state_writes", "cpu 100000, io 100, writes 2, spawn 9", "spawn", 2, 1, vm.HaltStateWrites},
		{"spawn", "cpu 100000, io 100, writes 9, spawn 1", "spawn", 1, 1, vm.HaltSpawn},
		{"no spawn", "cpu 100000, io 100, writes 9", "spawn", 0, 1, vm.HaltSpawn},
		{"deadline", "cpu 100000, io 100, writes 9, deadline 100", "slow", 2, 0, vm.HaltDeadline},
		{"deadline at once", "cpu 100000, io 100, writes 9, deadline 0", "slow", 0, 1, vm.HaltDeadline},
		{"cpu", "cpu 1000, io 100, writes 9", "count", 2, 0, vm.HaltCPU},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			e := newEnv(t, 1)
			chains := e.budgetTools()
			text := program(tt.budget, "trace", "require_cap $0\nrequire_cap $1\nrequire_cap $2\nrequire_cap $3\nagain: effect tool:"+tt.tool+", 5, r1, r2\njmp @again", chains...)
			res := e.run(text, chains...)
			var halt *vm.HaltError
			if !errors.As(res.Halt, &halt) || halt.Code != tt.code || !errors.Is(res.Halt, vm.ErrBudget) {
				t.Fatalf("%v", res.Halt)
			}
			if res.Invoked != tt.allowed || len(res.Receipts) != tt.allowed+tt.refused {
				t.Errorf("%d effects, %d receipts", res.Invoked, len(res.Receipts))
			}
			if tt.refused == 1 {
				if r := e.Receipt(res.Receipts[tt.allowed]); r.Status != exec.StatusBudget || !strings.Contains(*r.Notes, tt.code.String()) {
					t.Errorf("receipt %+v", r)
				}
			}
			again, err := e.x.Replay(t.Context(), res.RunID)
			if err != nil || again.TraceHash != res.TraceHash || e.Clock.Load() > 2_000_000_000 {
				t.Errorf("replay: %v", err)
			}
		})
	}
}

func TestDeadlineBoundsTheTool(t *testing.T) {
	e := newEnv(t, 1)
	chains := e.budgetTools()
	res := e.run(program("cpu 100000, io 9, writes 0, deadline 5000", "", "require_cap $3\neffect tool:slow, 5, r1, r2\neffect tool:slow, 5, r3, r4\nlist r0, r1, r3\nret r0", chains...), chains...)
	if items := res.Value.Items(); len(items) != 2 || string(items[0].Data()) != "5000" || string(items[1].Data()) != "4940" {
		t.Errorf("timeouts %x, %v", res.Value.Encode(), res.Halt)
	}
}

func TestBlobOps(t *testing.T) {
	e := newEnv(t, 1)
	write := e.Cap("blob.write:ns,max=1M,media=text/plain")
	data := "the content of the blob"
	res := e.run(program(plenty, "", `require_cap $0
effect_: const r0, $data
blob_put r0, &meta, r1, r2
ret r1`, write)+`.const data text "`+data+`"
.const ns text "ns"
.const media text "text/plain"
.type meta record { 1 namespace: text, 2 media: text }
.node meta meta { 1: $ns, 2: $media }
`, write)
	cid := object.SumText(data)
	if res.Halt != nil || res.Value.TypeID() != vm.TypeBlobRef || res.Value.Field(1).Hash() != cid || res.Value.Field(2).Uint() != uint64(len(data)) {
		t.Fatalf("%x, %v", res.Value.Encode(), res.Halt)
	}
	read := e.Cap(fmt.Sprintf("blob.read:%s@4+7", cid))
	get := func(chain caps.Chain, op string) *run.Result {
		return e.run(program(plenty, "", "require_cap $0\n"+op+"\nlist r0, r1, r2\nret r0", chain)+`
.type range record { 1 offset: u64, 2 length: u64 }
.node range range { 1: 4, 2: 7 }
.node far range { 1: 4, 2: 700 }
`, chain)
	}
	if res := get(read, "blob_get #"+cid.String()+", &range, r1, r2"); string(res.Value.Items()[0].Data()) != data[4:11] {
		t.Errorf("range: %x, %v", res.Value.Encode(), res.Halt)
	}
	if res := get(read, "blob_get #"+cid.String()+", r9, r1, r2"); !errors.Is(res.Halt, caps.ErrDenied) {
		t.Errorf("more than the capability allows: %v", res.Halt)
	}
	whole := e.Cap("blob.read:" + cid.String())
	if res := get(whole, "blob_get #"+cid.String()+", r9, r1, r2"); string(res.Value.Items()[0].Data()) != data {
		t.Errorf("whole: %x, %v", res.Value.Encode(), res.Halt)
	}
	if res := get(whole, "blob_chunk_get #"+cid.String()+", 0, r1, r2"); string(res.Value.Items()[0].Data()) != data {
		t.Errorf("chunk: %x, %v", res.Value.Encode(), res.Halt)
	}
	status := func(res *run.Result) uint64 { return res.Value.Items()[1].Field(8).Uint() }
	if res := get(whole, "blob_chunk_get #"+cid.String()+", 1, r1, r2"); status(res) != uint64(exec.StatusBadRequest) || res.Value.Items()[0].Kind() != vm.ValNull {
		t.Errorf("chunk beyond the end: %x, %v", res.Value.Encode(), res.Halt)
	}
	if res := get(whole, "blob_get #"+cid.String()+", &far, r1, r2"); status(res) != uint64(exec.StatusBadRequest) {
		t.Errorf("range beyond the end: %x, %v", res.Value.Encode(), res.Halt)
	}
	none := object.SumText("none")
	if res := get(e.Cap("blob.read:"+none.String()), "blob_get #"+none.String()+", r9, r1, r2"); status(res) != uint64(exec.StatusNotFound) {
		t.Errorf("no such blob: %x, %v", res.Value.Encode(), res.Halt)
	}
}

func TestEpisode(t *testing.T) {
	e := newEnv(t, 1)
	chain := e.ToolCap("test.count", "")
	res := e.run(program(plenty, "trace", "require_cap $0\neffect tool:count, 5, r1, r2\nret r1", chain), chain)
	o, err := e.Store.Object(t.Context(), *res.EpisodeID)
	if err != nil || o.Kind != "EpisodeRef" {
		t.Fatal(o.Kind, err)
	}
	ep, id, err := object.Open[object.EpisodeRef](o.Raw, object.EpisodeRule)
	if err != nil || id != *res.EpisodeID {
		t.Fatal(err)
	}
	context, err := run.ContextHash(res.BundleID, res.TaskID)
	if err != nil || ep.ContextHash != context || ep.OutcomeHash != res.ResultHash || ep.TimeObserved != e.Now() ||
		len(ep.TraceRef.ReceiptIDs) != 1 || ep.TraceRef.ReceiptIDs[0] != res.Receipts[0] {
		t.Errorf("%+v, %v", ep, err)
	}
	blob, err := e.Store.OpenBlob(t.Context(), ep.TraceRef.TraceBlob.CID, codec.Keys{})
	if err != nil {
		t.Fatal(err)
	}
	var raw bytes.Buffer
	if err := blob.Copy(t.Context(), &raw); err != nil || !bytes.Equal(raw.Bytes(), res.Trace) {
		t.Fatal(err)
	}
	trace, err := object.Decode[vm.Trace](raw.Bytes())
	if err != nil || len(trace.Events) != 1 || trace.Events[0].Subject != exec.BuiltinID("test.count") || trace.Events[0].Status != 200 ||
		trace.Events[0].Op != 1 || trace.ResultHash != res.ResultHash || trace.Spent.IOCount != 1 {
		t.Errorf("%+v, %v", trace, err)
	}
	rec, err := e.x.RunRecord(t.Context(), *res.EpisodeID)
	if err != nil || rec.RunID != res.RunID {
		t.Errorf("the run of the episode: %v", err)
	}
}

func TestReplay(t *testing.T) {
	e := newEnv(t, 1)
	chain := e.ToolCap("test.count", ",calls=2")
	res := e.run(program(plenty, "trace", `require_cap $0
effect tool:count, 5, r1, r2
effect tool:count, r1, r3, r4
effect tool:count, r3, r5, r6
ret r5`, chain), chain)
	if !errors.Is(res.Halt, caps.ErrQuota) || e.Calls.Load() != 2 || len(res.Receipts) != 3 {
		t.Fatalf("%v", res.Halt)
	}
	again, err := e.x.Replay(t.Context(), res.RunID)
	if err != nil || again.ResultHash != res.ResultHash || again.TraceHash != res.TraceHash || e.Calls.Load() != 2 {
		t.Fatalf("%+v, %v", again, err)
	}
	var halt *vm.HaltError
	if !errors.As(again.Halt, &halt) || halt.Code != vm.HaltQuota {
		t.Errorf("%v", again.Halt)
	}

	altered := e.alter(res.RunID, func(list *run.RecordedEffects) { list.Effects[0].ResponseHash = list.Effects[1].ResponseHash })
	var diff *run.ReplayError
	if _, err := e.x.Replay(t.Context(), altered); !errors.Is(err, run.ErrReplay) || !errors.As(err, &diff) || diff.What != "request" || diff.Effect != 1 {
		t.Errorf("another response: %v", err)
	}
	altered = e.alter(res.RunID, func(list *run.RecordedEffects) { list.Effects = list.Effects[:2] })
	if _, err := e.x.Replay(t.Context(), altered); !errors.As(err, &diff) || diff.What != "effects" || diff.Effect != 2 {
		t.Errorf("an effect less: %v", err)
	}
	altered = e.alter(res.RunID, func(list *run.RecordedEffects) { list.Effects = append(list.Effects, list.Effects[2]) })
	if _, err := e.x.Replay(t.Context(), altered); !errors.As(err, &diff) || diff.What != "effects" || diff.Effect != 3 {
		t.Errorf("an effect more: %v", err)
	}
	if _, err := e.x.Replay(t.Context(), object.SumText("none")); !errors.Is(err, run.ErrNoRun) {
		t.Errorf("%v", err)
	}
}

// alter stores a record of a run with other effects and returns its id.
func (e *env) alter(id object.Hash, change func(*run.RecordedEffects)) object.Hash {
	e.T.Helper()
	rec, err := e.x.RunRecord(e.T.Context(), id)
	if err != nil {
		e.T.Fatal(err)
	}
	raw, err := e.Store.Bytes(e.T.Context(), rec.Effects)
	if err != nil {
		e.T.Fatal(err)
	}
	list, err := object.Decode[run.RecordedEffects](raw)
	if err != nil {
		e.T.Fatal(err)
	}
	change(list)
	if raw, err = can.Marshal(list); err != nil {
		e.T.Fatal(err)
	}
	if rec.Effects, err = e.Store.PutBytes(e.T.Context(), raw); err != nil {
		e.T.Fatal(err)
	}
	if rec.RunID, err = run.RecordRule.IDOf(rec); err != nil {
		e.T.Fatal(err)
	}
	if raw, err = can.Marshal(rec); err != nil {
		e.T.Fatal(err)
	}
	if _, err := e.DB.Update(e.T.Context(), nil, map[string][]byte{"e/r/" + rec.RunID.String(): raw}); err != nil {
		e.T.Fatal(err)
	}
	return rec.RunID
}

func TestConflictHalts(t *testing.T) {
	e := newEnv(t, 1)
	chain := e.ToolCap("test.count", "")
	text := ".const k text \"key\"\n" + program(plenty, "", "require_cap $0\neffect tool:count, 5, r1, r2, $k\neffect tool:count, 6, r1, r2, $k\nret r1", chain)
	res := e.run(text, chain)
	var conflict *ledger.ConflictError
	if !errors.As(res.Halt, &conflict) || len(res.Receipts) != 1 {
		t.Fatalf("%v", res.Halt)
	}
	if _, err := e.x.Replay(t.Context(), res.RunID); err != nil {
		t.Error(err)
	}
}

func TestAttestations(t *testing.T) {
	e := newEnv(t, 1)
	chain := e.ToolCap("test.count", "")
	text := `.contract served { requires eq(episode.8, 200) ensures has_tool(tool:count) }
` + program(plenty, "attest", "require_cap $0\neffect tool:count, 5, r1, r2\nassert contract:served, r2\nret r1", chain)
	var checks []vm.ContractCheck
	res, err := e.x.Run(t.Context(), e.assemble(text), object.Hash{}, run.Options{
		Caps: []caps.Chain{chain}, OnContract: func(_ context.Context, c vm.ContractCheck) error { checks = append(checks, c); return nil },
	})
	if err != nil || res.Halt != nil || len(checks) != 1 || checks[0].Result != 0 || checks[0].Evidence[0] != res.Receipts[0] {
		t.Errorf("%+v, %v, %v", checks, res.Halt, err)
	}
}

func TestInvalidBundle(t *testing.T) {
	e := newEnv(t, 1)
	if _, err := e.x.Run(t.Context(), []byte{can.TagNull}, object.Hash{}, run.Options{}); err == nil {
		t.Error("no error")
	}
	raw := e.assemble(program(plenty, "", "halt"))
	if _, err := e.x.Run(t.Context(), raw, object.SumText("none"), run.Options{}); !errors.Is(err, vm.ErrNoTask) {
		t.Errorf("%v", err)
	}
}

func TestCall(t *testing.T) {
	e := newEnv(t, 1)
	chain := e.ToolCap("test.count", "")
	spec := run.CallSpec{Tool: exec.BuiltinTool("test.count"), Request: []byte("hello"), Key: []byte("k"), Caps: []object.Hash{chain[0].ID}, Author: e.Key.Agent()}
	for i := range 2 {
		res, err := e.x.Call(t.Context(), spec, run.Options{Caps: []caps.Chain{chain}})
		if err != nil || res.Halt != nil || string(res.Value.Data()) != "got hello" || res.Replayed != i {
			t.Fatalf("%+v, %v", res, err)
		}
	}
	large := bytes.Repeat([]byte("large "), 5000)
	// A request that is too long for the bundle needs no capability but the tool's.
	spec.Request, spec.Key = large, []byte("k2")
	var runs []*run.Result
	for i := range 2 {
		res, err := e.x.Call(t.Context(), spec, run.Options{Caps: []caps.Chain{chain}})
		if err != nil || res.Halt != nil || !bytes.Equal(res.Value.Data(), append([]byte("got "), large...)) {
			t.Fatalf("%+v, %v", res, err)
		}
		if len(res.Receipts) != 1 || res.Invoked != 1-i || res.Replayed != i || res.Effects[0].ReceiptID != nil {
			t.Errorf("%+v", res)
		}
		if again, err := e.x.Replay(t.Context(), res.RunID); err != nil || again.TraceHash != res.TraceHash {
			t.Errorf("replay: %v", err)
		}
		runs = append(runs, res)
	}
	if runs[0].BundleID != runs[1].BundleID || runs[0].TraceHash != runs[1].TraceHash {
		t.Error("the same call compiles to other bytes, or leaves another trace")
	}
	ref, err := merkle.HashBlob(bytes.NewReader(large), merkle.DefaultChunkSize)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := e.Store.OpenBlob(t.Context(), ref.CID, codec.Keys{}); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("the request is a blob that anybody may ask for: %v", err)
	}
	// Without a record nothing is stored.
	spec.Request, spec.Key = bytes.Repeat([]byte("other "), 5000), nil
	res, err := e.x.Call(t.Context(), spec, run.Options{Caps: []caps.Chain{chain}, NoRecord: true})
	if err != nil || res.Halt != nil {
		t.Fatalf("%+v, %v", res, err)
	}
	if _, err := e.Store.Bytes(t.Context(), object.Sum(spec.Request)); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("the request is kept: %v", err)
	}
}
