package repo_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/mythos-project/mythos/caps"
	"github.com/mythos-project/mythos/caps/scope"
	"github.com/mythos-project/mythos/exec"
	"github.com/mythos-project/mythos/exec/cell"
	"github.com/mythos-project/mythos/exec/ir"
	"github.com/mythos-project/mythos/exec/ir/asm"
	"github.com/mythos-project/mythos/exec/vm"
	"github.com/mythos-project/mythos/internal/repo"
	"github.com/mythos-project/mythos/internal/spawn"
	"github.com/mythos-project/mythos/ledger"
	"github.com/mythos-project/mythos/model"
	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/object/can"
	"github.com/mythos-project/mythos/store"
)

func clockAt() *clock { return &clock{at: 1_800_000_000_000_000} }

func issue(t testing.TB, n *repo.Repo, scope string) caps.Chain {
	t.Helper()
	s, err := n.Find.Scope(t.Context(), scope)
	if err != nil {
		t.Fatal(err)
	}
	l, err := n.Auth.Issue(t.Context(), caps.Draft{Subject: n.Self(), Scope: s, NotBefore: n.Now(), ExpiresAt: n.Now().Add(time.Hour)})
	if err != nil {
		t.Fatal(err)
	}
	return caps.Chain{l}
}

func encode(t testing.TB, v any) []byte {
	t.Helper()
	raw, err := can.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

func putBlob(t testing.TB, n *repo.Repo, data string) object.Hash {
	t.Helper()
	ref, err := n.Store.PutBlob(t.Context(), strings.NewReader(data), store.PutOptions{Media: "text/plain"})
	if err != nil {
		t.Fatal(err)
	}
	return ref.CID
}

// do runs an effect of a built-in tool.
func do(n *repo.Repo, name string, request []byte, key string, chains ...caps.Chain) (exec.Outcome, error) {
	return n.Gate.Do(context.Background(), exec.Effect{Tool: exec.BuiltinID(name), Request: request, Key: []byte(key), Caps: chains})
}

const spawnText = `.symbol main () -> any entry @main
.task sym:main () budget { cpu 1000, io 2, writes 0 }
main: const r0, 7
ret r0`

func spawnBundle(t testing.TB, n *repo.Repo) (cid, task object.Hash) {
	t.Helper()
	raw, err := asm.Assemble([]byte(spawnText))
	if err != nil {
		t.Fatal(err)
	}
	b, _, err := ir.Validate(raw)
	if err != nil {
		t.Fatal(err)
	}
	return putBlob(t, n, string(raw)), b.Tasks.Tasks[0].TaskID
}

// enforced is one kind of scope where its effect happens.
type enforced struct {
	kind    uint8
	effect  string
	request []byte
	covers  []string // scopes that allow the request
	denies  []string // scopes of the kind that do not
}

func enforcements(t *testing.T, n *repo.Repo) []enforced {
	cid, other := putBlob(t, n, "hello"), object.SumText("other")
	h := object.SumText("x")
	bundle, task := spawnBundle(t, n)
	two, five := uint64(2), uint64(5)
	minute := uint64(time.Minute / time.Microsecond)
	return []enforced{
		{scope.KindBlobRead, "blob.get", encode(t, &vm.BlobGetRequest{CID: cid, Offset: &two, Length: &two}),
			[]string{"blob.read:" + cid.String(), "blob.read:" + cid.String() + "@1+3"},
			[]string{"blob.read:" + other.String(), "blob.read:" + cid.String() + "@3", "blob.read:" + cid.String() + "@+3"}},
		{scope.KindBlobRead, "blob.chunk_get", encode(t, &vm.BlobChunkGetRequest{CID: cid}),
			[]string{"blob.read:" + cid.String()}, []string{"blob.read:" + cid.String() + "@+3"}},
		{scope.KindBlobWrite, "blob.put", encode(t, &vm.BlobPutRequest{Namespace: "logs", Media: "text/plain", Data: []byte("hello")}),
			[]string{"blob.write:logs,max=5", "blob.write:logs,max=none,media=text/*"},
			[]string{"blob.write:logs,max=4", "blob.write:log,max=none", "blob.write:logs,max=none,media=image/*", "blob.write:logs,max=none,nomedia"}},
		{scope.KindBlobPin, "blob.pin", encode(t, &vm.BlobPinRequest{CID: cid, TTLus: minute}),
			[]string{"blob.pin:" + cid.String() + ",ttl=1m", "blob.pin:" + cid.String() + ",ttl=ever"},
			[]string{"blob.pin:" + cid.String() + ",ttl=59s", "blob.pin:" + other.String() + ",ttl=ever"}},
		{scope.KindBlobPin, "blob.pin", encode(t, &vm.BlobPinRequest{CID: cid}), // for ever
			[]string{"blob.pin:" + cid.String() + ",ttl=ever"}, []string{"blob.pin:" + cid.String() + ",ttl=36500d"}},
		{scope.KindBlobDelete, "blob.delete", encode(t, &vm.BlobDeleteRequest{CID: other}),
			[]string{"blob.delete:" + other.String()}, []string{"blob.delete:" + cid.String()}},
		{scope.KindToolCall, "dataset.build", []byte(`{"env":"test","n":5}`),
			[]string{"tool.call:mythos.dataset.build", "tool.call:mythos.dataset.build,eq:/env=test,max:/n=5,in:/env=test|dev,prefix:/env=te"},
			[]string{"tool.call:" + other.String(), "tool.call:mythos.dataset.build,eq:/env=prod", "tool.call:mythos.dataset.build,max:/n=4",
				"tool.call:mythos.dataset.build,in:/env=a|b", "tool.call:mythos.dataset.build,prefix:/env=x", "tool.call:mythos.dataset.build,eq:/none=x",
				"tool.call:mythos.dataset.build,calls=0"}},
		{scope.KindToolsCall, "dataset.build", []byte(`{"env":"test","n":5}`),
			[]string{"tools.call:mythos.dataset.build,calls=1", "tools.call:" + other.String() + "|mythos.dataset.build"},
			[]string{"tools.call:" + other.String(), "tools.call:mythos.dataset.build,calls=0"}},
		{scope.KindTrainRun, "train", encode(t, &model.TrainJob{RecipeID: h, DatasetDef: h, Manifest: h, MaxTokens: 9, MaxGPUms: 5}),
			[]string{"train.run:" + h.String(), "train.run:" + h.String() + ",jobs=1,tokens=9,gpu_ms=5"},
			[]string{"train.run:" + other.String(), "train.run:" + h.String() + ",tokens=8", "train.run:" + h.String() + ",gpu_ms=4", "train.run:" + h.String() + ",jobs=0"}},
		{scope.KindEvalRun, "eval", encode(t, &model.EvalJob{ModelID: other, SuiteID: h}),
			[]string{"eval.run:" + h.String() + ",runs=1"}, []string{"eval.run:" + other.String(), "eval.run:" + h.String() + ",runs=0"}},
		{scope.KindDeployPromote, "promote", encode(t, &model.PromoteRequest{ModelID: other, RingID: 2, PolicyID: h}),
			[]string{"deploy.promote:2,policy=" + h.String()}, []string{"deploy.promote:1,policy=" + h.String(), "deploy.promote:2,policy=" + other.String()}},
		{scope.KindDeployPromote, "rollback", encode(t, &model.RollbackRequest{RingID: 2, PolicyID: h, Record: h}),
			[]string{"deploy.promote:2,policy=" + h.String()}, []string{"deploy.promote:3,policy=" + h.String()}},
		{scope.KindComputeSpawn, "compute.spawn", encode(t, &vm.SpawnRequest{PoolID: spawn.LocalPool, Bundle: bundle, Tasks: []object.Hash{task, task}, CPUus: 2000, IO: 4}),
			[]string{"compute.spawn:local", "compute.spawn:local,workers=2,cpu=2ms,io=4"},
			[]string{"compute.spawn:far", "compute.spawn:local,workers=1", "compute.spawn:local,cpu=1999us", "compute.spawn:local,io=3"}},
		{scope.KindCellRead, "cell.read", encode(t, &cell.ReadRequest{CellID: object.SumText("cell:c"), KeyPrefix: []byte("user/1")}),
			[]string{"cell.read:c", "cell.read:c,prefix=user/"}, []string{"cell.read:d", "cell.read:c,prefix=user/12"}},
		{scope.KindCellRead, "cell.snapshot", encode(t, &cell.SnapshotRequest{CellID: object.SumText("cell:c"), KeyPrefix: []byte("user/1")}),
			[]string{"cell.read:c", "cell.read:c,prefix=user/"}, []string{"cell.read:d", "cell.read:c,prefix=user/12"}},
		{scope.KindCellWrite, "cell.policy", encode(t, &cell.PolicyRequest{CellID: object.SumText("cell:c"), Every: 8}),
			[]string{"cell.write:c", "cell.write:c,events=1"}, []string{"cell.write:d", "cell.write:c,events=0", "cell.write:c,types=7"}},
		{scope.KindCellWrite, "cell.append", encode(t, &cell.AppendRequest{CellID: object.SumText("cell:c"), Events: []cell.Event{{Type: 1, Key: []byte("a"), Data: []byte{}}, {Type: uint32(five), Key: []byte("b"), Data: []byte{}}}}),
			[]string{"cell.write:c", "cell.write:c,events=2,types=1|5"}, []string{"cell.write:d", "cell.write:c,events=1", "cell.write:c,types=1", "cell.write:c,notypes"}},
	}
}

// TestEveryScopeIsEnforced: for each of the twelve kinds, where its effect happens: without a capability, with one of
// another kind or with one that does not cover the request, the call is refused with a receipt; one that covers it lets
// it through to the effect.
func TestEveryScopeIsEnforced(t *testing.T) {
	n := open(t, t.TempDir(), clockAt())
	seen := map[uint8]bool{}
	wrong := issue(t, n, "cell.read:nothing")
	for _, e := range enforcements(t, n) {
		seen[e.kind] = true
		if e.kind != scope.KindCellRead {
			e.denies = append(e.denies, "")
		}
		if _, err := do(n, e.effect, e.request, ""); !errors.Is(err, caps.ErrDenied) {
			t.Errorf("%s without a capability: %v", e.effect, err)
		}
		for _, scope := range e.denies {
			chain := wrong
			if scope != "" {
				chain = issue(t, n, scope)
			}
			_, err := do(n, e.effect, e.request, "", chain)
			var refused *exec.RefusedError
			if !errors.Is(err, caps.ErrDenied) || !errors.As(err, &refused) || refused.Status != exec.StatusDenied {
				t.Errorf("%s under %q: %v", e.effect, scope, err)
				continue
			}
			if raw, err := n.Ledger.Receipt(t.Context(), refused.ReceiptID); err != nil {
				t.Errorf("%s under %q: no receipt of the refusal: %v", e.effect, scope, err)
			} else if r, _, err := ledger.OpenReceipt(raw); err != nil || r.Status != exec.StatusDenied {
				t.Errorf("%s under %q: %+v, %v", e.effect, scope, r, err)
			}
		}
		for _, scope := range e.covers {
			out, err := do(n, e.effect, e.request, "", issue(t, n, scope))
			// Past the executor's check, train and eval find no recipe and no suite.
			var refused *exec.RefusedError
			if errors.As(err, &refused) || err == nil && out.ReceiptID.IsZero() {
				t.Errorf("%s under %s: %v", e.effect, scope, err)
			}
		}
	}
	for kind := range len(scope.KindNames()) {
		if !seen[uint8(kind+1)] {
			t.Errorf("no effect of kind %s was tried", scope.KindName(uint8(kind+1)))
		}
	}
}

func TestPinAndDelete(t *testing.T) {
	n := open(t, t.TempDir(), clockAt())
	cid := putBlob(t, n, "keep me")
	chain := issue(t, n, "blob.pin:"+cid.String()+",ttl=ever")
	pinned := func() object.Time {
		until := object.Time(-1)
		if err := n.Store.Pins(t.Context(), func(p store.Pin) error { until = p.Until; return nil }); err != nil {
			t.Fatal(err)
		}
		return until
	}
	pin := func(ttl time.Duration) {
		t.Helper()
		out, err := do(n, "blob.pin", encode(t, &vm.BlobPinRequest{CID: cid, TTLus: uint64(ttl / time.Microsecond)}), "", chain)
		if err != nil || out.Status != exec.StatusOK {
			t.Fatal(out.Status, err)
		}
	}
	pin(time.Hour)
	first := pinned()
	if pin(time.Minute); pinned() != first {
		t.Error("a pin was shortened by another")
	}
	if pin(0); pinned() != 0 {
		t.Error("a pin was not made one for ever")
	}
	if pin(time.Hour); pinned() != 0 {
		t.Error("a pin for ever was shortened")
	}
	for want, h := range map[uint16]object.Hash{exec.StatusOK: cid, exec.StatusNotFound: object.SumText("nothing")} {
		out, err := do(n, "blob.delete", encode(t, &vm.BlobDeleteRequest{CID: h}), "", issue(t, n, "blob.delete:"+h.String()))
		if err != nil || out.Status != want {
			t.Errorf("delete: %d, %v", out.Status, err)
		}
	}
	if _, err := n.Store.BlobRef(t.Context(), cid); !errors.Is(err, store.ErrNotFound) || pinned() != -1 {
		t.Error("the blob, or its pin, is still there", err)
	}
}

func TestCells(t *testing.T) {
	dir, c := t.TempDir(), clockAt()
	n := open(t, dir, c)
	id := object.SumText("cell:log")
	write, read := issue(t, n, "cell.write:log"), issue(t, n, "cell.read:log")
	events := func(from, count int) (list []cell.Event) {
		for i := range count {
			list = append(list, cell.Event{Type: uint32(i), Key: fmt.Appendf(nil, "k%d", (from+i)%3), Data: fmt.Appendf(nil, "%d", from+i)})
		}
		return list
	}
	add := func(key string, from, count int) (a cell.Appended) {
		t.Helper()
		out, err := do(n, "cell.append", encode(t, &cell.AppendRequest{CellID: id, Events: events(from, count)}), key, write)
		if err != nil || out.Status != exec.StatusOK {
			t.Fatal(out.Status, err)
		}
		if err := can.Unmarshal(out.Body, &a); err != nil {
			t.Fatal(err)
		}
		return a
	}
	if a := add("one", 0, 3); a.First != 0 || a.Count != 3 {
		t.Errorf("%+v", a)
	}
	if a := add("one", 0, 3); a.First != 0 { // a replay
		t.Errorf("%+v", a)
	}
	if a := add("", 3, 1024); a.First != 3 {
		t.Errorf("%+v", a)
	}
	var wg sync.WaitGroup
	for i := range 16 {
		wg.Go(func() {
			if _, err := do(n, "cell.append", encode(t, &cell.AppendRequest{CellID: id, Events: events(i, 2)}), "", write); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	total, seen := 0, map[uint64]bool{}
	for from := uint64(0); ; {
		out, err := do(n, "cell.read", encode(t, &cell.ReadRequest{CellID: id, From: from}), "", read)
		if err != nil {
			t.Fatal(err)
		}
		var page cell.Events
		if err := can.Unmarshal(out.Body, &page); err != nil {
			t.Fatal(err)
		}
		for i, number := range page.Numbers {
			if seen[number] {
				t.Fatalf("event %d twice", number)
			}
			seen[number] = true
			if number < 1027 && string(page.Events[i].Data) != fmt.Sprint(number) {
				t.Fatalf("event %d is %q", number, page.Events[i].Data)
			}
			total++
		}
		if page.Next == nil {
			break
		}
		from = *page.Next
	}
	if total != 3+1024+32 {
		t.Errorf("%d events", total)
	}
	out, err := do(n, "cell.read", encode(t, &cell.ReadRequest{CellID: id, KeyPrefix: []byte("k1")}), "", read)
	if err != nil || !bytes.Contains(out.Body, []byte("k1")) || bytes.Contains(out.Body, []byte("k2")) {
		t.Error("the prefix does not select", err)
	}
	for name, bad := range map[string]*cell.AppendRequest{
		"none": {CellID: id, Events: []cell.Event{}}, "many": {CellID: id, Events: events(0, 1025)},
		"long key": {CellID: id, Events: []cell.Event{{Key: make([]byte, 1025), Data: []byte{}}}},
	} {
		var refused *exec.RefusedError
		if _, err := do(n, "cell.append", encode(t, bad), "", write); !errors.As(err, &refused) || refused.Status != exec.StatusBadRequest {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestSpawn(t *testing.T) {
	n := open(t, t.TempDir(), clockAt())
	bundle, task := spawnBundle(t, n)
	chain := issue(t, n, "compute.spawn:local,workers=5")
	spawn := func(change func(*vm.SpawnRequest)) exec.Outcome {
		t.Helper()
		q := vm.SpawnRequest{PoolID: spawn.LocalPool, Bundle: bundle, Tasks: []object.Hash{task, task, task}, CPUus: 3000, IO: 6}
		change(&q)
		out, err := do(n, "compute.spawn", encode(t, &q), "", chain)
		if err != nil && !errors.Is(err, caps.ErrQuota) {
			t.Fatal(err)
		}
		return out
	}
	out := spawn(func(*vm.SpawnRequest) {})
	var s vm.Spawned
	if err := can.Unmarshal(out.Body, &s); err != nil || len(s.Results) != 3 || s.Results[0] != s.Results[2] || s.Halted[1] || s.CPUus == 0 {
		t.Fatalf("%+v, %v", s, err)
	}
	if out := spawn(func(*vm.SpawnRequest) {}); !out.ReceiptID.IsZero() {
		t.Error("six workers were spawned under a quota of five")
	}
	chain = issue(t, n, "compute.spawn:local")
	far := issue(t, n, "compute.spawn:far")
	for name, change := range map[string]func(*vm.SpawnRequest){
		"less cpu than the budgets": func(q *vm.SpawnRequest) { q.CPUus = 2999 },
		"less io than the budgets":  func(q *vm.SpawnRequest) { q.IO = 5 },
		"a task that is not there":  func(q *vm.SpawnRequest) { q.Tasks[1] = bundle },
		"no such bundle":            func(q *vm.SpawnRequest) { q.Bundle = task },
	} {
		if out := spawn(change); out.Status < 400 {
			t.Errorf("%s: status %d", name, out.Status)
		}
	}
	chain = far
	if out := spawn(func(q *vm.SpawnRequest) { q.PoolID = object.SumText("pool:far") }); out.Status != exec.StatusNotFound {
		t.Errorf("another pool: status %d", out.Status)
	}
}

// TestSpawnedAct: workers act under the capabilities that are active where they are spawned, and are charged to them;
// without, their effects are refused.
func TestSpawnedAct(t *testing.T) {
	n := open(t, t.TempDir(), clockAt())
	cid := putBlob(t, n, "seven")
	read := issue(t, n, "blob.read:"+cid.String())
	raw, err := asm.Assemble(fmt.Appendf(nil, `.symbol main () -> any entry @main
.task sym:main () budget { cpu 100000, io 1, writes 0 }
main: require_cap #%s
const r0, #%s
blob_get r0, r3, r1, r2
ret r1`, read[0].ID, cid))
	if err != nil {
		t.Fatal(err)
	}
	b, _, err := ir.Validate(raw)
	if err != nil {
		t.Fatal(err)
	}
	q := encode(t, &vm.SpawnRequest{PoolID: spawn.LocalPool, Bundle: putBlob(t, n, string(raw)), Tasks: []object.Hash{b.Tasks.Tasks[0].TaskID}, CPUus: 100000, IO: 1})
	spawn := issue(t, n, "compute.spawn:local")
	for halted, chains := range map[bool][]caps.Chain{true: {spawn}, false: {spawn, read}} {
		out, err := do(n, "compute.spawn", q, "", chains...)
		if err != nil {
			t.Fatal(err)
		}
		var s vm.Spawned
		if err := can.Unmarshal(out.Body, &s); err != nil || s.Halted[0] != halted {
			t.Errorf("with %d capabilities: %+v, %v", len(chains), s, err)
		}
	}
}
