package peer

import (
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/mythos-project/mythos/exec/ir"
	"github.com/mythos-project/mythos/internal/config"
	"github.com/mythos-project/mythos/internal/node"
	"github.com/mythos-project/mythos/object"
)

// hello is a program that returns a text.
const hello = ".const g text \"hello\"\n.task #\"sym:main\" () budget { cpu 50000, io 10, writes 10 }\n\tconst r0, $g\n\tret r0\n"

// taskNode is a repository whose clock is ahead by later, in nanoseconds.
func taskNode(t *testing.T, later *atomic.Int64) *node.Node {
	t.Helper()
	dir := t.TempDir()
	if _, _, err := node.Init(dir, "far"); err != nil {
		t.Fatal(err)
	}
	n, err := node.Open(context.Background(), filepath.Join(dir, node.Folder), node.Options{
		Config: &config.Config{Lease: time.Minute, Busy: time.Minute},
		Now:    func() object.Time { return object.TimeOf(time.Now().Add(time.Duration(later.Load()))) },
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = n.Close() })
	return n
}

// keep submits a program to n, which keeps it as a task and does not run it.
func keep(t *testing.T, n *node.Node, state string) node.Task {
	t.Helper()
	ctx := context.Background()
	bundle, err := ir.Assemble([]byte(hello))
	if err != nil {
		t.Fatal(err)
	}
	raw, err := n.Pack(bundle, node.PackOptions{Guard: true})
	if err != nil {
		t.Fatal(err)
	}
	got, err := n.Accept(ctx, raw)
	if err != nil {
		t.Fatal(err)
	}
	task := node.Task{ID: got.Packet.ID(), State: node.TaskQueued, Author: got.Author.KeyHex(), Submitted: n.Now()}
	if err = n.AddTask(ctx, task, raw); err == nil && state == node.TaskRunning {
		err = n.StartTask(ctx, task)
	}
	if err != nil {
		t.Fatal(err)
	}
	return task
}

// TestTasksThatWereLeft: a server runs what waited when the last one ended, and counts
// what ran as failed; beside another server it leaves both alone.
func TestTasksThatWereLeft(t *testing.T) {
	ctx := context.Background()
	for _, beside := range []bool{true, false} {
		n := taskNode(t, new(atomic.Int64))
		want := map[object.Hash]string{keep(t, n, node.TaskQueued).ID: node.TaskDone, keep(t, n, node.TaskRunning).ID: node.TaskFailed}
		if beside {
			for id := range want {
				task, err := n.Task(ctx, id)
				if err != nil {
					t.Fatal(err)
				}
				want[id] = task.State
			}
		}
		s := &Server{Node: n, Log: slog.New(slog.DiscardHandler), Beside: beside, metrics: newMeasures()}
		q, err := s.newQueue(ctx)
		if err != nil {
			t.Fatal(err)
		}
		for id, state := range want {
			if ended := q.ended(id); ended != nil {
				<-ended
			}
			if task, err := n.Task(ctx, id); err != nil || task.State != state {
				t.Errorf("beside another server: %v: task is %s, expected %s, %v", beside, task.State, state, err)
			}
		}
		if err := q.stop(ctx); err != nil {
			t.Error(err)
		}
	}
}

// TestForgettingWhileItServes: a server that runs for long removes what is over.
func TestForgettingWhileItServes(t *testing.T) {
	var later atomic.Int64
	n := taskNode(t, &later)
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	task := keep(t, n, node.TaskQueued)
	if err := n.EndTask(ctx, task, []byte("answer"), nil); err != nil {
		t.Fatal(err)
	}
	if err := n.Forget(ctx); err != nil {
		t.Fatal(err)
	}
	if _, err := n.TaskAnswer(ctx, task.ID); err != nil {
		t.Errorf("too early: %v", err)
	}
	later.Store(int64(node.KeepTasks + time.Minute))
	go (&Server{Node: n, Log: slog.New(slog.DiscardHandler)}).forget(ctx, time.Millisecond)
	left := func() (count int) {
		err := n.DB.Scan(ctx, "w/", "w/\xff", func(key string, _ []byte) error {
			if len(key) > 64 && (key[:7] == "w/task/" || key[:7] == "w/seen/" || key[:8] == "w/taska/") {
				count++
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		return count
	}
	for until := time.Now().Add(time.Minute); left() > 0; time.Sleep(5 * time.Millisecond) {
		if time.Now().After(until) {
			t.Fatalf("%d keys are still there", left())
		}
	}
}

// TestAnswersAreNotLost: connections that are cut after the peer took a packet, and while
// its answer is waited for, cost no answer, and nothing is submitted twice.
func TestAnswersAreNotLost(t *testing.T) {
	ctx := context.Background()
	n := taskNode(t, new(atomic.Int64))
	s := &Server{Node: n, Log: slog.New(slog.DiscardHandler), metrics: newMeasures(), streams: make(chan struct{}, maxStreams)}
	var err error
	if s.tasks, err = s.newQueue(ctx); err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := s.tasks.stop(ctx); err != nil {
			t.Error(err)
		}
	}()
	var mu sync.Mutex
	routes, asked := s.routes(), map[string]int{}
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
	bundle, err := ir.Assemble([]byte(hello))
	if err != nil {
		t.Fatal(err)
	}
	pkt, err := n.Pack(bundle, node.PackOptions{Guard: true})
	if err != nil {
		t.Fatal(err)
	}
	_, got, err := (&Client{Node: n, URL: server.URL}).Submit(ctx, pkt)
	if err != nil || got.Answer == nil || got.Answer.Halted != nil {
		t.Fatal(err)
	}
	mu.Lock()
	defer mu.Unlock()
	if asked[http.MethodPost] != 1 || asked[http.MethodGet] < 3 {
		t.Errorf("requests: %v", asked)
	}
}
