package worker

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/mythos-project/mythos/caps"
	"github.com/mythos-project/mythos/caps/scope"
	"github.com/mythos-project/mythos/exec"
	"github.com/mythos-project/mythos/exec/ir"
	"github.com/mythos-project/mythos/exec/ir/asm"
	"github.com/mythos-project/mythos/exec/run"
	"github.com/mythos-project/mythos/exec/vm"
	"github.com/mythos-project/mythos/internal/engine"
	"github.com/mythos-project/mythos/internal/packets"
	"github.com/mythos-project/mythos/internal/peer/peertest"
	"github.com/mythos-project/mythos/internal/repo"
	"github.com/mythos-project/mythos/internal/spawn"
	"github.com/mythos-project/mythos/internal/task"
	"github.com/mythos-project/mythos/ledger"
	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/object/can"
	"github.com/mythos-project/mythos/object/sign"
	"github.com/mythos-project/mythos/packet"
)

// seven is a task whose result is a number.
const seven = ".symbol main () -> any entry @main\n.task sym:main () budget { cpu 1000, io 2, writes 0 }\nmain: const r0, 7\nret r0"

// program stores a program as a blob, and returns it with its only task.
func program(t *testing.T, n *repo.Repo, text string) (cid, id object.Hash) {
	t.Helper()
	raw, err := asm.Assemble([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	b, _, err := ir.Validate(raw)
	if err != nil {
		t.Fatal(err)
	}
	return peertest.Put(t, n, raw).CID, b.Tasks.Tasks[0].TaskID
}

func spawnRequest(t *testing.T, pool object.Hash, bundle object.Hash, cpu uint64, tasks ...object.Hash) []byte {
	t.Helper()
	raw, err := can.Marshal(&vm.SpawnRequest{PoolID: pool, Bundle: bundle, Tasks: tasks, CPUus: cpu, IO: 100})
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

// spawning is a program that spawns a task under a key.
func spawning(t *testing.T, request []byte, leaf object.Hash, key string) string {
	t.Helper()
	return fmt.Sprintf(".tool spawn (bytes) -> bytes id #\"tool:mythos.compute.spawn\"\n.const request bytes x\"%x\"\n.const key text %q\n"+
		".symbol main () -> any entry @main\n.task sym:main () budget { cpu 100000, io 5, writes 0, spawn 1 }\n"+
		"main: require_cap #%s\nconst r0, $request\neffect tool:spawn, r0, r1, r2, $key\nret r1", request, key, leaf)
}

func mustSpawn(t *testing.T, n *repo.Repo, request []byte, key string, chain caps.Chain) vm.Spawned {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	out, err := n.Gate.Do(ctx, exec.Effect{Tool: exec.BuiltinID("compute.spawn"), Request: request, Key: []byte(key), Caps: []caps.Chain{chain}})
	if err != nil || out.Status != exec.StatusOK {
		t.Fatalf("status %d, %s, %v", out.Status, out.Body, err)
	}
	s, err := object.Decode[vm.Spawned](out.Body)
	if err != nil {
		t.Fatal(err)
	}
	return *s
}

func startQueue(t *testing.T, n *repo.Repo, slots int) *Queue {
	t.Helper()
	q, err := Start(t.Context(), Options{Repo: n, Log: slog.New(slog.DiscardHandler), Kind: KindWorker, Slots: slots, Explain: func(error) (kind, hint string) { return "", "" }})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := q.Stop(context.WithoutCancel(t.Context())); err != nil {
			t.Error(err)
		}
	})
	return q
}

func spawnCap(t *testing.T, n *repo.Repo, pool object.Hash) caps.Chain {
	t.Helper()
	return peertest.Grant(t, n, n.Self(), &scope.ComputeSpawn{PoolID: pool, MaxWorkers: 100, MaxCPUus: scope.NoLimit64, MaxIO: scope.NoLimit32})
}

// tasksOf returns the tasks of spawns, by state.
func tasksOf(t *testing.T, n *repo.Repo) map[string]int {
	t.Helper()
	count := map[string]int{}
	err := n.Tasks.Each(t.Context(), func(is task.Task) error {
		if is.Spawn != nil {
			count[is.State]++
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return count
}

// TestSpawnWorkers: tasks in the pool `workers` have the results that they have in the pool `local`, halted ones
// among them, and are run by a queue. One with a single slot runs spawns inside a spawn, since what waits lends its
// place.
func TestSpawnWorkers(t *testing.T) {
	n := peertest.Repo(t, "far")
	inner, in := program(t, n, seven)
	refused, no := program(t, n, strings.Replace(seven, "const r0, 7", "require_cap #"+inner.String(), 1))
	local, workers := spawnCap(t, n, spawn.LocalPool), spawnCap(t, n, spawn.WorkersPool)
	startQueue(t, n, 1)
	for _, of := range []struct{ bundle, task object.Hash }{{inner, in}, {refused, no}} {
		want := mustSpawn(t, n, spawnRequest(t, spawn.LocalPool, of.bundle, 9000, of.task, of.task), "", local)
		got := mustSpawn(t, n, spawnRequest(t, spawn.WorkersPool, of.bundle, 9000, of.task, of.task), "", workers)
		if fmt.Sprint(got) != fmt.Sprint(want) || got.Halted[0] != (of.bundle == refused) {
			t.Errorf("%+v, in this process %+v", got, want)
		}
	}
	if n := tasksOf(t, n)[task.Done]; n != 4 {
		t.Errorf("%d tasks for four", n)
	}
	cid, id, cpu := inner, in, uint64(1000)
	for depth := range 3 {
		cid, id = program(t, n, spawning(t, spawnRequest(t, spawn.WorkersPool, cid, cpu, id), workers[0].ID, fmt.Sprintf("depth %d", depth)))
		cpu = 100000
	}
	if s := mustSpawn(t, n, spawnRequest(t, spawn.WorkersPool, cid, 200000, id, id), "", workers); s.Halted[0] || s.Results[0] != s.Results[1] {
		t.Errorf("inside one another: %+v", s)
	}
}

// TestSpawnAgain: a spawn none of whose tasks has begun did not start if its executor ends. One whose tasks have begun is
// repeated if they can do nothing twice: it takes the answers that its tasks have already got, waits for tasks that are
// under way, and submits what was cancelled again. If a task has an effect without a key, nobody repeats the spawn.
func TestSpawnAgain(t *testing.T) {
	n := peertest.Repo(t, "far")
	workers := spawnCap(t, n, spawn.WorkersPool)
	inner, in := program(t, n, seven)
	acting, act := program(t, n, keyless)
	server, err := n.Tasks.NewInstance(engine.Member{})
	if err != nil {
		t.Fatal(err)
	}
	ask := func(ctx context.Context, request []byte, key string) error {
		_, err := n.Gate.Do(ctx, exec.Effect{Tool: exec.BuiltinID("compute.spawn"), Request: request, Key: []byte(key), Caps: []caps.Chain{workers}})
		return err
	}
	// ended begins a spawn, and ends its executor's wait when its task is there, or a server has begun it.
	ended := func(request []byte, key string, begin bool) error {
		t.Helper()
		ctx, end := context.WithCancel(t.Context())
		failed := make(chan error)
		go func() { failed <- ask(ctx, request, key) }()
		for until := time.Now().Add(time.Minute); tasksOf(t, n)[task.Queued] == 0 && time.Now().Before(until); {
			time.Sleep(time.Millisecond)
		}
		err := n.Tasks.Open(t.Context(), func(id object.Hash, have string) error {
			if have != "" || !begin {
				return nil
			}
			_, _, err := n.Tasks.Claim(t.Context(), id, server.ID)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		end()
		return <-failed
	}
	request, unsafe := spawnRequest(t, spawn.WorkersPool, inner, 1000, in), spawnRequest(t, spawn.WorkersPool, acting, 50000, act)
	if err := ended(request, "free", false); !errors.Is(err, exec.ErrNotStarted) {
		t.Errorf("no task has begun: %v", err)
	}
	if err := ended(request, "again", true); !errors.Is(err, context.Canceled) || errors.Is(err, exec.ErrNotStarted) {
		t.Errorf("its task has begun: %v", err)
	}
	if err := ended(unsafe, "unsafe", true); !errors.Is(err, context.Canceled) || errors.Is(err, exec.ErrNotStarted) {
		t.Errorf("its task has begun: %v", err)
	}
	if got := tasksOf(t, n); got[task.Cancelled] != 1 || got[task.Running] != 2 {
		t.Errorf("tasks: %v", got)
	}
	if err := server.Close(); err != nil { // as the system does when a process ends
		t.Fatal(err)
	}
	startQueue(t, n, 2)
	first := mustSpawn(t, n, request, "again", workers)
	if len(first.Results) != 1 || first.Halted[0] || mustSpawn(t, n, request, "free", workers).Results[0] != first.Results[0] {
		t.Errorf("%+v", first)
	}
	if err := ask(t.Context(), unsafe, "unsafe"); !errors.Is(err, ledger.ErrUnknownOutcome) {
		t.Errorf("a spawn that may have acted: %v", err)
	}
	for until := time.Now().Add(time.Minute); tasksOf(t, n)[task.Running] > 0 && time.Now().Before(until); {
		time.Sleep(time.Millisecond)
	}
	if got := tasksOf(t, n); got[task.Cancelled] != 2 || got[task.Failed] != 1 || got[task.Done] != 2 {
		t.Errorf("tasks: %v", got)
	}

	b, err := n.Spawner.Bundle(t.Context(), inner)
	if err != nil {
		t.Fatal(err)
	}
	id, err := ir.BundleID(b)
	if err != nil {
		t.Fatal(err)
	}
	same := []spawn.Task{{SpawnedTask: vm.SpawnedTask{Spawn: inner, Bundle: inner, Task: in, Depth: 1}, BundleID: id}}
	for range 2 { // the second finds the answer of the first
		got, err := n.Spawner.Workers.Run(t.Context(), same, []caps.Chain{workers}, nil)
		if err != nil || got[0].Hash != first.Results[0] {
			t.Errorf("%+v, %v", got, err)
		}
	}
	if got := tasksOf(t, n); got[task.Done] != 3 {
		t.Errorf("tasks: %v", got)
	}
}

// forged is a packet whose bundle says that one agent is its author, and which only another one has signed.
func forged(t *testing.T, signer *repo.Repo, author object.AgentID, extension string, content any) []byte {
	t.Helper()
	raw, err := can.Marshal(content)
	if err != nil {
		t.Fatal(err)
	}
	b := ir.NewBuilder(author)
	b.Meta().Extensions = map[string][]byte{extension: raw}
	b.Op(ir.OpHalt)
	b.Task(ir.TaskDef{EntrySymbol: b.Symbol(ir.SymbolSig{ModuleID: object.SumText("m"), ArgTypeIDs: []object.Hash{}, ReturnTypeID: ir.TypeAny, Entry: new(uint32)}),
		Budget: ir.Budget{CPUus: 1000}})
	bundle, err := b.Build()
	if err != nil {
		t.Fatal(err)
	}
	pkt, err := packet.Pack(packet.Options{Signers: []sign.Signer{signer.Identity.Key}}, bundle)
	if err != nil {
		t.Fatal(err)
	}
	return pkt
}

// TestForgedAuthor: an agent that is trusted for packets has a task run, or its answer believed, under the name of the
// executor, by writing it into a packet as its author. Neither counts without the executor's signature.
func TestForgedAuthor(t *testing.T) {
	n, other := peertest.Repo(t, "far"), peertest.Repo(t, "near")
	peertest.Trust(t, n, other, "near")
	cid, id := program(t, n, seven)
	open := func(raw []byte) *packets.Received {
		t.Helper()
		got, err := n.Packets.Open(t.Context(), raw)
		if err != nil || !got.Author.Same(n.Self()) {
			t.Fatalf("the forgery is not what it should be: %v", err)
		}
		return got
	}
	got := open(forged(t, other, n.Self(), "mythos.spawned", &vm.SpawnedTask{Spawn: cid, Bundle: cid, Task: id, Depth: 1}))
	if _, _, err := n.Packets.Serve(t.Context(), got, nil); err == nil || !strings.Contains(err.Error(), "has not signed") {
		t.Errorf("it was served: %v", err)
	}
	null := []byte{0}
	asked := packets.Asked{Packet: cid, Bundle: cid, Task: id}
	got = open(forged(t, other, n.Self(), "mythos.answer", &run.Answer{PacketID: cid, BundleID: cid, TaskID: id, ResultHash: object.Sum(null), Result: null, Receipts: [][]byte{}}))
	if err := n.Packets.CheckAnswer(got, asked); !errors.Is(err, run.ErrAnswer) || !strings.Contains(err.Error(), "has not signed") {
		t.Errorf("the answer counts: %v", err)
	}
}

// TestLentOnce: a task has one place, whichever number of its effects wait at a time.
func TestLentOnce(t *testing.T) {
	q := startQueue(t, peertest.Repo(t, "far"), 1)
	q.mu.Lock()
	q.running++
	q.mu.Unlock()
	p := &place{q: q}
	for range 2 {
		first, second := p.lend(), p.lend()
		if n := q.Running(); n != 0 {
			t.Errorf("%d tasks run while two effects of one wait", n)
		}
		first()
		if n := q.Running(); n != 0 {
			t.Errorf("%d tasks run while one effect waits", n)
		}
		second()
		if n := q.Running(); n != 1 {
			t.Errorf("%d tasks run after the waits", n)
		}
	}
}

// TestSpawnedByOthers: a queue leaves a task of a spawn alone if another key has spawned it, and nothing here runs a
// program because somebody else has put it into the form of such a task.
func TestSpawnedByOthers(t *testing.T) {
	ctx := t.Context()
	n, other := peertest.Repo(t, "far"), peertest.Repo(t, "near")
	peertest.Trust(t, n, other, "near")
	cid, id := program(t, n, seven)
	raw, err := other.Packets.PackSpawned(&vm.SpawnedTask{Spawn: cid, Bundle: cid, Task: id, Depth: 1}, nil)
	if err != nil {
		t.Fatal(err)
	}
	got, err := n.Packets.Open(ctx, raw)
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := n.Packets.Serve(ctx, got, nil); err == nil || !strings.Contains(err.Error(), "only a process with the key") {
		t.Errorf("it was served: %v", err)
	}
	if _, err := n.Packets.Accept(ctx, raw); err == nil || !strings.Contains(err.Error(), "is not submitted") {
		t.Errorf("it was accepted: %v", err)
	}
	theirs := task.Task{ID: object.Sum(raw), State: task.Queued, Author: other.Self().KeyHex(), Submitted: n.Now(), Spawn: &cid}
	if _, err := n.Tasks.Add(ctx, theirs, raw); err != nil {
		t.Fatal(err)
	}
	q := startQueue(t, n, 2)
	mine := peertest.LeftOf(t, n, peertest.Hello, "", task.Queued)
	for until := time.Now().Add(time.Minute); mine.State != task.Done && time.Now().Before(until); time.Sleep(time.Millisecond) {
		if mine, err = n.Tasks.Get(ctx, mine.ID); err != nil {
			t.Fatal(err)
		}
	}
	if found, err := q.takeOver(ctx); err != nil || found != 0 {
		t.Errorf("took %d, %v", found, err)
	}
	if is, err := n.Tasks.Get(ctx, theirs.ID); err != nil || is.State != task.Queued {
		t.Errorf("%+v, %v", is, err)
	}
}
