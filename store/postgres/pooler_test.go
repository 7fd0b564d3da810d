//go:build unix

package postgres_test

import (
	"errors"
	"fmt"
	"os"
	"sync"
	"testing"

	"github.com/mythos-project/mythos/internal/pgtest"
	"github.com/mythos-project/mythos/store"
	"github.com/mythos-project/mythos/store/postgres"
	"github.com/mythos-project/mythos/store/storetest"
)

// TestPooler: behind a pgbouncer that gives each transaction another session, several clients lose no update and hold one lock
// at a time. With `make cluster` the contract holds, too.
func TestPooler(t *testing.T) {
	through := pgtest.Shared(t).Pooler(t)
	behind := func(t testing.TB) (*postgres.DB, string) {
		t.Helper()
		address := through(pgtest.Shared(t).Database(t))
		db := at(t, address)
		if err := db.Create(t.Context(), postgres.NewAbout("", true)); err != nil {
			t.Fatal(err)
		}
		return db, address
	}
	if os.Getenv("MYTHOS_TEST_CLUSTER") != "" {
		storetest.KV(t, func(t testing.TB) store.KV { db, _ := behind(t); return db })
	}

	db, address := behind(t)
	const clients, each = 4, 10
	var wg sync.WaitGroup
	for i := range clients {
		client := at(t, address)
		wg.Go(func() {
			for range each {
				lock, err := client.WaitLock(t.Context(), "one at a time")
				if err != nil {
					t.Error(err)
					return
				}
				if other, err := client.TryLock(t.Context(), "one at a time"); other != nil || err != nil {
					t.Errorf("two have a lock: %v", err)
				}
				_, end, err := client.Turn(t.Context(), "x/shared")
				if err != nil {
					t.Error(err)
					return
				}
				err = errors.Join(add(t.Context(), client, "x/shared", 1), add(t.Context(), client, fmt.Sprintf("x/%d", i), 1))
				end()
				if err := errors.Join(err, lock.Release()); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	if n := count(t, db, "x/shared"); n != clients*each {
		t.Errorf("%d, expected %d", n, clients*each)
	}
	late := at(t, address)
	for i := range 16 { // at once, with the first connections of a process
		wg.Go(func() {
			if err := add(t.Context(), late, fmt.Sprintf("y/%d", i), 1); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	keys := 0
	if err := db.Scan(t.Context(), "x/", "x0", func(string, []byte) error { keys++; return nil }); err != nil || keys != clients+1 {
		t.Errorf("%d keys, %v", keys, err)
	}
	if _, err := db.Vitals(t.Context()); err != nil {
		t.Error(err)
	}
}
