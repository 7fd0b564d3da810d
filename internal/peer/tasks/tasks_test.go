package tasks

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/mythos-project/mythos/caps"
	"github.com/mythos-project/mythos/caps/scope"
	"github.com/mythos-project/mythos/exec/ir/asm"
	"github.com/mythos-project/mythos/internal/engine"
	"github.com/mythos-project/mythos/internal/packets"
	"github.com/mythos-project/mythos/internal/peer"
	"github.com/mythos-project/mythos/internal/peer/codebooks"
	"github.com/mythos-project/mythos/internal/peer/peertest"
	"github.com/mythos-project/mythos/internal/repo"
	"github.com/mythos-project/mythos/internal/spawn"
	"github.com/mythos-project/mythos/internal/task"
	"github.com/mythos-project/mythos/object"
)

// started returns a service whose server is started, and the server's handler.
func started(t *testing.T, n *repo.Repo, more ...peer.Service) (*Service, *peer.Server, http.Handler) {
	t.Helper()
	s := &Service{Repo: n}
	server := &peer.Server{Repo: n, Log: slog.New(slog.DiscardHandler), Services: append(more, s)}
	server.SetLimits(peer.Limits{Rate: 1000})
	h, stop, err := server.Start(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := stop(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return s, server, h
}

// TestCancel: a running task is stopped, a waiting one is dropped, both with a signed answer that says so; an ended one
// does not change. Only its author may cancel it, or the owner of the repository, by a record that the server finds, or
// the next one.
func TestCancel(t *testing.T) {
	ctx := context.Background()
	n, mine, other := peertest.Repo(t, "far"), peertest.Repo(t, "far"), peertest.Repo(t, "far")
	peertest.Trust(t, n, mine, "mine")
	peertest.Trust(t, mine, n, "far")
	cancelledBefore := peertest.Left(t, n, task.Queued)
	if _, err := n.Tasks.Cancel(ctx, cancelledBefore.ID); err != nil {
		t.Fatal(err)
	}
	s, _, h := started(t, n)
	ended := func(id object.Hash, want string) {
		t.Helper()
		if done := s.tasks.EndOf(id); done != nil {
			<-done
		}
		if tk, err := n.Tasks.Get(ctx, id); err != nil || tk.State != want {
			t.Errorf("task is %s, expected %s, %v", tk.State, want, err)
		}
	}
	ended(cancelledBefore.ID, task.Cancelled)
	server := httptest.NewServer(h)
	defer server.Close()
	self := n.Self()
	cl := &peer.Client{Repo: mine, URL: server.URL, Key: &self}
	asked := map[object.Hash]packets.Asked{}
	submit := func(program string) object.Hash {
		t.Helper()
		bundle, err := asm.Assemble([]byte(program))
		if err != nil {
			t.Fatal(err)
		}
		pkt, of, err := mine.Packets.PackTask(bundle, packets.PackOptions{Guard: true})
		if err != nil {
			t.Fatal(err)
		}
		asked[of.Packet] = of
		tk, err := Leave(ctx, cl, pkt)
		if err != nil {
			t.Fatal(err)
		}
		return tk.ID
	}
	var running []object.Hash
	for range maxTasks {
		running = append(running, submit(peertest.Endless))
	}
	waits := submit(peertest.Endless)
	for _, id := range running {
		for tk, err := n.Tasks.Get(ctx, id); tk.State != task.Running; tk, err = n.Tasks.Get(ctx, id) {
			if err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Millisecond)
		}
	}
	if _, err := Cancel(ctx, &peer.Client{Repo: other, URL: server.URL, Key: &self}, waits); statusIn(err) != http.StatusNotFound {
		t.Errorf("another agent cancels: %v", err)
	}
	for i, id := range append([]object.Hash{waits}, running...) {
		var err error
		switch i {
		case 1: // the owner of the repository, by a command beside the server
			_, err = n.Tasks.Cancel(ctx, id)
		case 2: // and with its key
			_, err = Cancel(ctx, &peer.Client{Repo: n, URL: server.URL, Key: &self}, id)
		default:
			_, err = Cancel(ctx, cl, id)
		}
		if err != nil {
			t.Fatal(err)
		}
		if _, got, err := Answer(ctx, cl, asked[id]); err != nil || got.Answer.Halted == nil || !strings.Contains(*got.Answer.Halted, "cancelled") {
			t.Errorf("answer %d: %+v, %v", i, got, err)
		}
		ended(id, task.Cancelled)
	}
	quick := submit(peertest.Hello)
	ended(quick, task.Done)
	if tk, err := Cancel(ctx, cl, quick); err != nil || tk.State != task.Done {
		t.Errorf("a task that has ended: %+v, %v", tk, err)
	}
	if _, got, err := Answer(ctx, cl, asked[quick]); err != nil || got.Answer.Halted != nil {
		t.Errorf("its answer: %+v, %v", got, err)
	}
}

func statusIn(err error) int {
	var refused *peer.StatusError
	if errors.As(err, &refused) {
		return refused.Status
	}
	return 0
}

// TestOneServerClaims: of many servers that find tasks that were left, exactly one runs each.
func TestOneServerClaims(t *testing.T) {
	ctx := context.Background()
	n := peertest.Repo(t, "far")
	var ids []object.Hash
	for range 20 {
		ids = append(ids, peertest.Left(t, n, task.Queued).ID)
	}
	got := map[object.Hash]int{}
	var mu sync.Mutex
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			for _, id := range ids {
				_, _, err := n.Tasks.Claim(ctx, id, string(rune('a'+i)))
				if err == nil {
					mu.Lock()
					got[id]++
					mu.Unlock()
				} else if !errors.Is(err, task.ErrClaimed) {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	for _, id := range ids {
		if got[id] != 1 {
			t.Errorf("task %s was claimed %d times", id.Short(), got[id])
		}
		tk, err := n.Tasks.Get(ctx, id)
		if err != nil {
			t.Fatal(err)
		}
		if err := n.Tasks.End(ctx, id, "another", task.Done, nil, task.Failure{}); !errors.Is(err, task.ErrClaimed) {
			t.Errorf("another server ends it: %v", err)
		}
		if err := n.Tasks.End(ctx, id, tk.Server, task.Done, nil, task.Failure{}); err != nil {
			t.Error(err)
		}
		if err := n.Tasks.End(ctx, id, tk.Server, task.Failed, nil, task.Failure{}); !errors.Is(err, task.ErrClaimed) {
			t.Errorf("it ends twice: %v", err)
		}
	}
}

// TestInstances: a server is alive until it ends, and its leftover file is removed.
func TestInstances(t *testing.T) {
	n := peertest.Repo(t, "far")
	one, err := n.Tasks.NewInstance(engine.Member{})
	if err != nil {
		t.Fatal(err)
	}
	two, err := n.Tasks.NewInstance(engine.Member{})
	if err != nil {
		t.Fatal(err)
	}
	alive := func(id string, want bool) {
		t.Helper()
		if got, err := n.Tasks.InstanceAlive(id); got != want || err != nil {
			t.Errorf("%q is alive: %v, %v", id, got, err)
		}
	}
	alive(one.ID, true)
	alive(two.ID, true)
	for _, id := range []string{"", "..", "../keys/self.key", "gone"} {
		alive(id, false)
	}
	if err := one.Close(); err != nil {
		t.Error(err)
	}
	alive(one.ID, false)
	file := filepath.Join(n.Dir, "serving", "left")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	three, err := n.Tasks.NewInstance(engine.Member{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(file); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("what a server left is there: %v", err)
	}
	alive(two.ID, true)
	if err := errors.Join(two.Close(), three.Close()); err != nil {
		t.Error(err)
	}
}

// TestAnswersAreNotLost: if connections break after the peer has accepted a packet, or while its answer is waited for,
// no answer is lost, and nothing is submitted twice.
func TestAnswersAreNotLost(t *testing.T) {
	ctx := context.Background()
	n := peertest.Repo(t, "far")
	_, _, routes := started(t, n)
	var mu sync.Mutex
	asked := map[string]int{}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		asked[r.Method]++
		cut := r.URL.Path != "/v1/identity" && asked[r.Method] <= 2 // the first GET asks for the identity
		mu.Unlock()
		if cut {
			routes.ServeHTTP(httptest.NewRecorder(), r)
			panic(http.ErrAbortHandler)
		}
		routes.ServeHTTP(w, r)
	}))
	server.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	defer server.Close()
	bundle, err := asm.Assemble([]byte(peertest.Hello))
	if err != nil {
		t.Fatal(err)
	}
	pkt, asking, err := n.Packets.PackTask(bundle, packets.PackOptions{Guard: true})
	if err != nil {
		t.Fatal(err)
	}
	_, got, err := Submit(ctx, &peer.Client{Repo: n, URL: server.URL}, pkt, asking)
	if err != nil || got.Answer == nil || got.Answer.Halted != nil {
		t.Fatal(err)
	}
	mu.Lock()
	defer mu.Unlock()
	if asked[http.MethodPost] != 1 || asked[http.MethodGet] < 3 {
		t.Errorf("requests: %v", asked)
	}
}

// TestWhatIsNotTakenCostsNothing: a submission that is not accepted, and a codebook that is refused, cost their author
// nothing; an accepted one is charged with its task.
func TestWhatIsNotTakenCostsNothing(t *testing.T) {
	ctx := context.Background()
	offers := &codebooks.Service{Repo: peertest.Repo(t, "far"), RequireCap: true}
	s, server, h := started(t, offers.Repo, offers)
	s.RequireCap = true
	near := peertest.Repo(t, "far")
	peertest.Trust(t, s.Repo, near, "near")
	run := peertest.Grant(t, s.Repo, near.Self(), &scope.ComputeSpawn{PoolID: spawn.LocalPool, MaxWorkers: 5, MaxCPUus: scope.NoLimit64, MaxIO: scope.NoLimit32})
	used := func(chain caps.Chain, of scope.Resource) uint64 {
		t.Helper()
		u, err := s.Repo.Quotas.Used(ctx, chain[0].ID)
		if err != nil {
			t.Fatal(err)
		}
		return u[of]
	}
	submit := func(program string) int {
		t.Helper()
		bundle, err := asm.Assemble([]byte(program))
		if err != nil {
			t.Fatal(err)
		}
		pkt, _, err := near.Packets.PackTask(bundle, packets.PackOptions{Guard: true, Caps: []caps.Chain{run}})
		if err != nil {
			t.Fatal(err)
		}
		r := httptest.NewRequestWithContext(ctx, http.MethodPost, "/v1/packets", bytes.NewReader(pkt))
		r.Header.Set("Prefer", "respond-async")
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		return w.Code
	}
	server.SetLimits(peer.Limits{Rate: 1000, Tasks: 1})
	if code := submit(peertest.Endless); code != http.StatusAccepted || used(run, scope.Workers) != 1 {
		t.Errorf("status %d, %d workers are charged", code, used(run, scope.Workers))
	}
	if code := submit(peertest.Hello); code != http.StatusServiceUnavailable || used(run, scope.Workers) != 1 {
		t.Errorf("not taken: status %d, %d workers are charged", code, used(run, scope.Workers))
	}
	if err := s.Repo.Tasks.Cancelled(ctx, func(object.Hash) error { return nil }); err != nil {
		t.Fatal(err)
	}
	if err := s.Repo.Tasks.Open(ctx, func(id object.Hash, _ string) error { s.tasks.Cancel(id); return nil }); err != nil {
		t.Fatal(err)
	}
	write := peertest.Grant(t, s.Repo, near.Self(), &scope.BlobWrite{Namespace: "x", MaxSize: 1000, MediaAllow: []string{"*/*"}})
	key := near.Key
	if w := peertest.Ask(t, s.Repo, h, key, write, http.MethodPost, "/v1/codebooks", nil, []byte("no codebook")); w.Code/100 != 4 || used(write, scope.Bytes) != 0 {
		t.Errorf("a codebook that is none: status %d, %d bytes are charged", w.Code, used(write, scope.Bytes))
	}
}
