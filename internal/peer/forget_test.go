package peer

import (
	"context"
	"log/slog"
	"sync/atomic"
	"testing"
	"time"

	"github.com/mythos-project/mythos/internal/peer/peertest"
	"github.com/mythos-project/mythos/internal/task"
)

// TestForgettingWhileItServes: a server that runs for a long time removes what has expired.
func TestForgettingWhileItServes(t *testing.T) {
	var later atomic.Int64
	n := peertest.Later(t, "far", &later)
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	tk := peertest.Left(t, n, task.Queued)
	if err := n.Tasks.End(ctx, tk.ID, tk.Server, task.Done, []byte("answer"), task.Failure{}); err != nil {
		t.Fatal(err)
	}
	if err := n.Upkeep.Forget(ctx); err != nil {
		t.Fatal(err)
	}
	if _, err := n.Tasks.Answer(ctx, tk.ID); err != nil {
		t.Errorf("too early: %v", err)
	}
	later.Store(int64(task.KeepTasks + time.Minute))
	go (&Server{Repo: n, Log: slog.New(slog.DiscardHandler)}).forget(ctx, time.Millisecond)
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
