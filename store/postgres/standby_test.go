//go:build unix

package postgres_test

import (
	"errors"
	"fmt"
	"os"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/mythos-project/mythos/internal/pgtest"
	"github.com/mythos-project/mythos/store/postgres"
)

// until waits until an SQL condition holds.
func until(t *testing.T, s *pgtest.Server, sql string) {
	t.Helper()
	for deadline := time.Now().Add(2 * time.Minute); ; time.Sleep(20 * time.Millisecond) {
		if s.Ask(t, sql) {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("never: %s", sql)
		}
	}
}

// TestStandby: a server with an asynchronous standby is refused. With a synchronous one, the primary is lost while many
// write: every acknowledged update is on the new primary, once.
func TestStandby(t *testing.T) {
	if os.Getenv("MYTHOS_TEST_CLUSTER") == "" {
		t.Skip("make cluster runs it")
	}
	primary, err := pgtest.Start(true)
	if err != nil {
		t.Fatal(err)
	}
	defer primary.Stop()
	standby, err := primary.Standby()
	if err != nil {
		t.Fatal(err)
	}
	defer standby.Stop()
	until(t, primary, "SELECT count(*) = 1 FROM pg_stat_replication WHERE state = 'streaming'")

	address := "postgres:///postgres?user=mythos&host=" + primary.Dir + "," + standby.Dir
	if err := at(t, address).Create(t.Context(), postgres.NewAbout("", false)); !errors.Is(err, postgres.ErrUnsafe) {
		t.Fatalf("an asynchronous standby: %v", err)
	}
	primary.Exec(t, "postgres", "ALTER SYSTEM SET synchronous_standby_names = '*'")
	primary.Exec(t, "postgres", "SELECT pg_reload_conf()")
	until(t, primary, "SELECT count(*) = 1 FROM pg_stat_replication WHERE sync_state = 'sync'")
	db := at(t, address)
	if err := db.Create(t.Context(), postgres.NewAbout("", false)); err != nil {
		t.Fatal(err)
	}

	const callers, each = 8, 60
	var done atomic.Int64
	half := make(chan bool)
	var wg sync.WaitGroup
	for i := range callers {
		wg.Go(func() {
			for range each {
				if err := errors.Join(add(t.Context(), db, "x/shared", 1), add(t.Context(), db, fmt.Sprintf("x/%d", i), 1)); err != nil {
					t.Error(err)
					return
				}
				if done.Add(1) == callers*each/2 {
					close(half)
				}
			}
		})
	}
	<-half
	primary.Crash()
	standby.Promote(t)
	wg.Wait()
	for i := range callers {
		if n := count(t, db, fmt.Sprintf("x/%d", i)); n != each {
			t.Errorf("caller %d: %d", i, n)
		}
	}
	if n := count(t, db, "x/shared"); n != callers*each {
		t.Errorf("%d, expected %d", n, callers*each)
	}
}
