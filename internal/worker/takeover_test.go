package worker

import (
	"errors"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/mythos-project/mythos/internal/engine"
	"github.com/mythos-project/mythos/internal/peer/peertest"
	"github.com/mythos-project/mythos/internal/task"
	"github.com/mythos-project/mythos/object"
)

// keyless is a program whose effect has no key, so that nobody knows whether it happened.
const keyless = ".tool t (bytes) -> bytes id #\"sym:tool\"\n.const a bytes x\"00\"\n.task #\"sym:main\" () budget { cpu 50000, io 10, writes 10 }\n\tconst r0, $a\n\teffect tool:t, r0, r1, r2\n\tret r1\n"

// TestTasksThatWereLeft: a queue runs what waited when a server ended or that nobody has, and what ran there where it can do
// nothing twice. It counts what else ran as failed, and what has ended a server for the third time. While the other server lives, it leaves all alone.
func TestTasksThatWereLeft(t *testing.T) {
	ctx := t.Context()
	n := peertest.Repo(t, "far")
	other, err := n.Tasks.NewInstance(engine.Member{})
	if err != nil {
		t.Fatal(err)
	}
	claim := func(id object.Hash) {
		t.Helper()
		if _, _, err := n.Tasks.Claim(ctx, id, other.ID); err != nil {
			t.Fatal(err)
		}
	}
	waits, ran, acted, deadly := peertest.LeftOf(t, n, peertest.Hello, other.ID, task.Queued), peertest.LeftOf(t, n, peertest.Hello, other.ID, task.Running),
		peertest.LeftOf(t, n, keyless, other.ID, task.Running), peertest.LeftOf(t, n, peertest.Hello, other.ID, task.Running)
	for range maxBegun - 1 {
		if _, err := n.Tasks.Requeue(ctx, deadly.ID, other.ID); err != nil {
			t.Fatal(err)
		}
		claim(deadly.ID)
	}
	if _, err := n.Tasks.Requeue(ctx, ran.ID, "another"); !errors.Is(err, task.ErrClaimed) {
		t.Errorf("the task of another server: %v", err)
	}
	q, err := Start(ctx, Options{Repo: n, Log: slog.New(slog.DiscardHandler), Kind: KindWorker, Slots: 2, Explain: func(error) (kind, hint string) { return "", "" }})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := q.Stop(ctx); err != nil {
			t.Error(err)
		}
	}()
	states := func() (got [4]string) {
		for i, id := range []object.Hash{waits.ID, ran.ID, acted.ID, deadly.ID} {
			tk, err := n.Tasks.Get(ctx, id)
			if err != nil {
				t.Fatal(err)
			}
			got[i] = tk.State
		}
		return got
	}
	if _, err := q.takeOver(ctx); err != nil || states() != [4]string{task.Queued, task.Running, task.Running, task.Running} {
		t.Errorf("while the other server lives: %v, %v", states(), err)
	}
	nobodys := peertest.LeftOf(t, n, peertest.Hello, "", task.Queued)
	if err := other.Close(); err != nil { // as the system does when a process ends
		t.Fatal(err)
	}
	for until := time.Now().Add(time.Minute); states() != [4]string{task.Done, task.Done, task.Failed, task.Failed}; time.Sleep(5 * time.Millisecond) {
		if time.Now().After(until) {
			t.Fatalf("after the other server ended: %v", states())
		}
	}
	for id, why := range map[object.Hash]string{acted.ID: "may have happened", deadly.ID: "not tried again"} {
		if tk, err := n.Tasks.Get(ctx, id); err != nil || !strings.Contains(tk.Error, why) || tk.Kind != "failed" || tk.Hint == "" {
			t.Errorf("%+v, %v", tk, err)
		}
	}
	left := 1
	for until := time.Now().Add(time.Minute); left > 0; time.Sleep(time.Millisecond) {
		if time.Now().After(until) {
			t.Fatalf("%d tasks have not ended", left)
		}
		left = 0
		if err := n.Tasks.Open(ctx, func(object.Hash, string) error { left++; return nil }); err != nil {
			t.Fatal(err)
		}
	}
	if tk, err := n.Tasks.Get(ctx, nobodys.ID); err != nil || tk.State != task.Done || tk.Begun != 1 {
		t.Errorf("that nobody had: %+v, %v", tk, err)
	}
}

// TestLeftToOthers: what a queue without slots accepts is kept for others, and its author hears when one of them has ended it.
func TestLeftToOthers(t *testing.T) {
	ctx := t.Context()
	n := peertest.Repo(t, "far")
	options := Options{Repo: n, Log: slog.New(slog.DiscardHandler), Kind: KindServe, Explain: func(error) (kind, hint string) { return "", "" }}
	door, err := Start(ctx, options)
	if err != nil {
		t.Fatal(err)
	}
	tk := peertest.LeftOf(t, n, peertest.Hello, door.Server(), task.Queued)
	if err := door.Add(tk); err != nil {
		t.Fatal(err)
	}
	ended := door.EndOf(tk.ID)
	if _, err := door.takeOver(ctx); err != nil || door.EndOf(tk.ID) == nil {
		t.Fatal("it runs, or is given up", err)
	}
	here, nobodys := peertest.LeftOf(t, n, peertest.Endless, door.Server(), task.Queued), peertest.LeftOf(t, n, peertest.Endless, door.Server(), task.Queued)
	if err := door.Add(here); err != nil {
		t.Fatal(err)
	}
	for _, id := range []object.Hash{here.ID, nobodys.ID} {
		if _, err := n.Tasks.Cancel(ctx, id); err != nil {
			t.Fatal(err)
		}
		for until := time.Now().Add(time.Minute); ; time.Sleep(time.Millisecond) {
			if tk, err := n.Tasks.Get(ctx, id); err != nil || tk.State == task.Cancelled {
				break
			} else if time.Now().After(until) {
				t.Fatalf("a task that waits for a worker and was cancelled: %+v", tk)
			}
		}
	}
	options.Kind, options.Slots = KindWorker, 1
	works, err := Start(ctx, options)
	if err != nil {
		t.Fatal(err)
	}
	<-ended
	if tk, err := n.Tasks.Get(ctx, tk.ID); err != nil || tk.State != task.Done {
		t.Errorf("%+v, %v", tk, err)
	}
	if err := errors.Join(door.Stop(ctx), works.Stop(ctx)); err != nil {
		t.Error(err)
	}
}
