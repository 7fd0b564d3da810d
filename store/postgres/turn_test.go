//go:build unix

package postgres_test

import (
	"context"
	"errors"
	"os"
	"testing"

	"github.com/mythos-project/mythos/internal/pgtest"
)

// TestTurn: one process at a time has the turn at a key, with the key's newest value. The next one gets it when the
// turn ends or its connection is lost. Updates work without a turn.
func TestTurn(t *testing.T) {
	one, address := fresh(t)
	other := at(t, address)
	value, end, err := one.Turn(t.Context(), "x/a")
	if err != nil || value != nil {
		t.Fatal(value, err)
	}
	came := make(chan []byte)
	wait := func() {
		value, end, err := other.Turn(t.Context(), "x/a")
		if err != nil {
			t.Error(err)
		} else {
			end()
		}
		came <- value
	}
	go wait()
	_, ended, err := other.Turn(t.Context(), "x/b")
	if err != nil {
		t.Fatal("another key:", err)
	}
	ended()
	for !pgtest.Shared(t).Ask(t, "SELECT EXISTS (SELECT FROM pg_locks WHERE locktype = 'advisory' AND NOT granted)") {
		select {
		case <-came:
			t.Fatal("two have the turn")
		default:
		}
	}
	if ok, err := other.Update(t.Context(), nil, map[string][]byte{"x/a": []byte("1")}); !ok || err != nil {
		t.Fatal(ok, err)
	}
	end()
	if value := <-came; string(value) != "1" {
		t.Errorf("the next one reads %q", value)
	}
	_, lost, err := one.Turn(t.Context(), "x/a")
	if err != nil {
		t.Fatal(err)
	}
	defer lost()
	waiting, cancel := context.WithCancel(t.Context())
	cancel()
	if _, _, err := other.Turn(waiting, "x/a"); !errors.Is(err, context.Canceled) {
		t.Errorf("who does not wait any more: %v", err)
	}
	go wait()
	pgtest.Shared(t).Exec(t, "postgres", "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' AND granted")
	<-came
}

// TestTurnLost: the server takes the turn away from a process that does not end it.
func TestTurnLost(t *testing.T) {
	if os.Getenv("MYTHOS_TEST_CLUSTER") == "" {
		t.Skip("make cluster: it takes five seconds")
	}
	one, address := fresh(t)
	_, end, err := one.Turn(t.Context(), "x/a")
	if err != nil {
		t.Fatal(err)
	}
	defer end()
	_, other, err := at(t, address).Turn(t.Context(), "x/a") // it waits until the first one is lost
	if err != nil {
		t.Fatal(err)
	}
	other()
	if ok, err := one.Update(t.Context(), nil, map[string][]byte{"x/a": []byte("late")}); !ok || err != nil {
		t.Errorf("who has lost its turn still writes: %v, %v", ok, err)
	}
}
