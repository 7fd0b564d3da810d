//go:build unix

package postgres_test

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	osexec "os/exec"
	"strings"
	"sync"
	"testing"

	"github.com/mythos-project/mythos/internal/pgtest"
	"github.com/mythos-project/mythos/store"
	"github.com/mythos-project/mythos/store/postgres"
	"github.com/mythos-project/mythos/store/storetest"
)

func TestMain(m *testing.M) { os.Exit(pgtest.Main(m)) }

// fresh makes a new repository in a database of its own, and returns it and its address.
func fresh(t testing.TB) (*postgres.DB, string) {
	t.Helper()
	address := pgtest.Shared(t).Database(t)
	db := at(t, address)
	if err := db.Create(t.Context(), postgres.NewAbout(`s3://b'u\cket`, true)); err != nil {
		t.Fatal(err)
	}
	return db, address
}

func at(t testing.TB, address string) *postgres.DB {
	t.Helper()
	db, err := postgres.Open(address, postgres.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	return db
}

func open(t testing.TB) store.KV {
	db, _ := fresh(t)
	return db
}

func TestContract(t *testing.T) { storetest.KV(t, open) }

func BenchmarkKV(b *testing.B) { storetest.BenchmarkKV(b, open) }

// add adds 1 to the number under a key, n times, and returns how often somebody else was faster.
func add(ctx context.Context, db store.KV, key string, n int) error {
	for done := 0; done < n; {
		old, found, err := db.Get(ctx, key)
		if err != nil {
			return err
		}
		count := uint64(0)
		if found {
			count = binary.BigEndian.Uint64(old)
		} else {
			old = nil
		}
		ok, err := db.Update(ctx, map[string][]byte{key: old}, map[string][]byte{key: binary.BigEndian.AppendUint64(nil, count+1)})
		if err != nil {
			return err
		}
		if ok {
			done++
		}
	}
	return nil
}

func count(t testing.TB, db store.KV, key string) uint64 {
	t.Helper()
	value, found, err := db.Get(t.Context(), key)
	if err != nil || !found {
		t.Fatalf("%s: %v, %v", key, found, err)
	}
	return binary.BigEndian.Uint64(value)
}

const childEnv = "MYTHOS_TEST_POSTGRES_CHILD"

// TestProcesses: processes that write the same keys lose no update and never deadlock.
func TestProcesses(t *testing.T) {
	const processes, each = 3, 25
	if address := os.Getenv(childEnv); address != "" {
		db := at(t, address)
		for i := range each {
			if err := add(t.Context(), db, "x/n", 1); err != nil {
				t.Fatal(err)
			}
			put := map[string][]byte{"x/a": nil, "x/b": []byte("b"), "x/c": []byte(fmt.Sprint(i))}
			if i%2 == 0 {
				put["x/a"], put["x/b"] = []byte("a"), nil
			}
			if ok, err := db.Update(t.Context(), nil, put); !ok || err != nil {
				t.Fatal(ok, err)
			}
		}
		return
	}
	db, address := fresh(t)
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for range processes {
		wg.Go(func() {
			cmd := osexec.CommandContext(t.Context(), self, "-test.run", "^TestProcesses$")
			cmd.Env = append(os.Environ(), childEnv+"="+address)
			if out, err := cmd.CombinedOutput(); err != nil {
				t.Errorf("%v: %s", err, out)
			}
		})
	}
	wg.Wait()
	if n := count(t, db, "x/n"); n != processes*each {
		t.Errorf("%d, expected %d", n, processes*each)
	}
	_, a, err := db.Get(t.Context(), "x/a")
	_, b, err2 := db.Get(t.Context(), "x/b")
	if a == b || errors.Join(err, err2) != nil {
		t.Errorf("half an update is here: %v %v", a, b)
	}
}

// TestKilledConnections: the server ends connections in the middle; each successful update was applied exactly once.
func TestKilledConnections(t *testing.T) {
	db, address := fresh(t)
	if about, err := db.About(t.Context()); err != nil || about.Chunks != `s3://b'u\cket` {
		t.Fatal(about, err)
	}
	const callers, each, kills = 4, 20, 10
	kill, killed := make(chan bool, callers), make(chan bool)
	go func() {
		defer close(killed)
		for n := 0; <-kill; n++ {
			if n < kills {
				pgtest.Shared(t).Terminate(t, address)
			}
		}
	}()
	var wg sync.WaitGroup
	for i := range callers {
		wg.Go(func() {
			for range each {
				kill <- true
				if err := errors.Join(add(t.Context(), db, "x/shared", 1), add(t.Context(), db, fmt.Sprintf("x/%d", i), 1)); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
	close(kill)
	<-killed
	for i := range callers {
		if n := count(t, db, fmt.Sprintf("x/%d", i)); n != each {
			t.Errorf("caller %d: %d", i, n)
		}
	}
	if n := count(t, db, "x/shared"); n != callers*each {
		t.Errorf("%d, expected %d", n, callers*each)
	}
}

// TestAddress: an address with a password is refused, and no error shows one.
func TestAddress(t *testing.T) {
	for _, good := range []string{"postgres://h/d", "postgresql://u@h:5432/d?sslmode=require", "postgres://h1,h2/d", "postgres://h1:1,h2:2/d", "postgres:///d?host=/run/postgresql&user=u"} {
		if err := postgres.CheckAddress(good); err != nil {
			t.Errorf("%s: %v", good, err)
		}
	}
	for _, bad := range []string{"", "postgres", "host=h password=sesame", "postgres://u:sesame@h/d", "postgres://u:s@sesame@h/d", "postgres://h/d?password=sesame", "postgres://h/d?%70assword=sesame",
		"postgres://h/d?sslpassword=sesame", "postgres://h/d?%zz=sesame", "postgres://u:sesame@h:port/d", "postgres://u:a?sesame@h/d", "postgres://u:a#sesame@h/d", "postgres://u:a/sesame@h/d",
		"postgres://h/d?Password=sesame", "postgres://h/d?password%20=sesame", "postgres://u:sesame@h?user=a", "mysql://u:sesame@h/d", "postgres://h/d?sslmode=sesame"} {
		err := postgres.CheckAddress(bad)
		if !errors.Is(err, postgres.ErrAddress) || (strings.Contains(err.Error(), "sesame") && !strings.Contains(bad, "sslmode")) {
			t.Errorf("%s: %v", bad, err)
		}
	}
}

// TestRefusals: databases that are refused.
func TestRefusals(t *testing.T) {
	s := pgtest.Shared(t)
	empty := at(t, s.Database(t))
	if err := empty.Create(t.Context(), postgres.About{}); !errors.Is(err, postgres.ErrUnsafe) {
		t.Errorf("a server without syncs: %v", err)
	}
	if _, _, err := empty.Get(t.Context(), "x/a"); !errors.Is(err, postgres.ErrNoRepository) {
		t.Errorf("an empty database: %v", err)
	}
	db, address := fresh(t)
	if err := db.Create(t.Context(), postgres.NewAbout("", true)); !errors.Is(err, postgres.ErrExists) {
		t.Errorf("a second repository in a database: %v", err)
	}
	other, err := postgres.Open(address, postgres.Options{ID: [16]byte{1}})
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	if _, err := other.Update(t.Context(), nil, map[string][]byte{"x/a": {}}); !errors.Is(err, store.ErrDamaged) {
		t.Errorf("another repository: %v", err)
	}
	if _, err := db.Update(t.Context(), nil, map[string][]byte{strings.Repeat("k", 2001): {}}); !errors.Is(err, store.ErrTooLarge) {
		t.Errorf("a long key: %v", err)
	}
}
