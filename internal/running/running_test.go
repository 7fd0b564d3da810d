package running_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"os"
	osexec "os/exec"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/mythos-project/mythos/internal/running"
	"github.com/mythos-project/mythos/ledger"
	"github.com/mythos-project/mythos/ledger/kvledger"
	"github.com/mythos-project/mythos/object"
)

var idem = object.SumText("effect")

func look(t *testing.T, d *running.Dir, want ledger.Presence) {
	t.Helper()
	if got, err := d.Look(idem); err != nil || got != want {
		t.Errorf("it is %d, %v, expected %d", got, err, want)
	}
}

func hold(t *testing.T, d *running.Dir) kvledger.Hold {
	t.Helper()
	h, err := d.Hold(idem)
	if err != nil || h == nil {
		t.Fatalf("%v, %v", h, err)
	}
	return h
}

// TestHold goes through the life of a lock.
func TestHold(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "running")
	one, other := running.New(dir), running.New(dir)
	look(t, one, ledger.Unseen)
	h := hold(t, one)
	look(t, other, ledger.Held)
	look(t, one, ledger.Held)
	if again, err := other.Hold(idem); again != nil || err != nil {
		t.Errorf("held twice: %v, %v", again, err)
	}
	h.Drop(false)
	look(t, other, ledger.Gone)
	h = hold(t, other)
	h.Drop(true)
	look(t, one, ledger.Unseen)
}

// TestAwait: many wait, and those who came before the end get what the holder left.
func TestAwait(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "running")
	d := running.New(dir)
	if left, err := d.Await(t.Context(), idem); left != nil || err != nil {
		t.Fatalf("nobody holds it: %q, %v", left, err)
	}
	h := hold(t, d)
	if h.Awaited() {
		t.Error("somebody waits")
	}
	var wg sync.WaitGroup
	var given atomic.Int32
	for range 8 {
		wg.Go(func() {
			left, err := running.New(dir).Await(t.Context(), idem)
			if err != nil || (left != nil && string(left) != "the answer") {
				t.Errorf("%q, %v", left, err)
			}
			if left != nil {
				given.Add(1)
			}
		})
	}
	for st, err := os.Stat(h.File().Name()); ; st, err = os.Stat(h.File().Name()) {
		if err != nil {
			t.Fatal(err)
		}
		if st.Size() > 0 {
			break
		}
		time.Sleep(time.Millisecond)
	}
	impatient, cancel := context.WithTimeout(t.Context(), time.Millisecond)
	defer cancel()
	if _, err := running.New(dir).Await(impatient, idem); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("an impatient one: %v", err)
	}
	if !h.Awaited() {
		t.Error("nobody waits")
	}
	if err := h.Leave([]byte("the answer")); err != nil {
		t.Fatal(err)
	}
	h.Drop(true)
	wg.Wait()
	if given.Load() == 0 {
		t.Error("nobody was given the answer")
	}
}

const childEnv = "MYTHOS_TEST_RUNNING_CHILD"

// TestDeath: the lock of a killed process is free at once, unless a process that it started has inherited it.
func TestDeath(t *testing.T) {
	if dir := os.Getenv(childEnv); dir != "" {
		holdForever(dir)
	}
	if _, err := osexec.LookPath("cat"); err != nil {
		t.Skip("no cat here")
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	for _, heir := range []bool{false, true} {
		dir := filepath.Join(t.TempDir(), "running")
		cmd := osexec.CommandContext(t.Context(), self, "-test.run", "^TestDeath$")
		cmd.Env = append(os.Environ(), childEnv+"="+dir)
		if heir {
			cmd.Env = append(cmd.Env, "HEIR=1")
		}
		in, err := cmd.StdinPipe()
		if err != nil {
			t.Fatal(err)
		}
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		if line, err := bufio.NewReader(out).ReadBytes('\n'); err != nil || !bytes.Equal(line, []byte("held\n")) {
			t.Fatalf("%q, %v", line, err)
		}
		d := running.New(dir)
		look(t, d, ledger.Held)
		if err := cmd.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		_, _ = cmd.Process.Wait()
		if heir {
			look(t, d, ledger.Held)
		}
		in.Close() // the heir ends
		if _, err := d.Await(t.Context(), idem); err != nil {
			t.Fatal(err)
		}
		look(t, d, ledger.Gone)
	}
}

// holdForever holds the lock until it is killed. An heir, which also has the lock, ends when nobody can write to
// standard input any more.
func holdForever(dir string) {
	h, err := running.New(dir).Hold(idem)
	if err != nil || h == nil {
		os.Exit(1)
	}
	if os.Getenv("HEIR") != "" {
		heir := osexec.Command("cat")
		heir.Stdin, heir.ExtraFiles = os.Stdin, []*os.File{h.File()}
		if heir.Start() != nil {
			os.Exit(1)
		}
	}
	os.Stdout.WriteString("held\n")
	select {}
}

// TestSweep removes what nobody holds and nobody asks for.
func TestSweep(t *testing.T) {
	d := running.New(filepath.Join(t.TempDir(), "running"))
	sweep := func(keep bool, want int) {
		t.Helper()
		n, err := d.Sweep(t.Context(), func(object.Hash) (bool, error) { return keep, nil })
		if n != want || err != nil {
			t.Errorf("%d files, %v, expected %d", n, err, want)
		}
	}
	sweep(false, 0)
	h := hold(t, d)
	sweep(false, 0)
	h.Drop(false)
	sweep(true, 0)
	sweep(false, 1)
	look(t, d, ledger.Unseen)
}
