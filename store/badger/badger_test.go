package badger_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/mythos-project/mythos/internal/flock"
	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/store"
	"github.com/mythos-project/mythos/store/badger"
	"github.com/mythos-project/mythos/store/storetest"
)

func open(t testing.TB) store.KV { return openDir(t, t.TempDir(), badger.Options{}) }

func openDir(t testing.TB, dir string, o badger.Options) *badger.DB {
	t.Helper()
	db, err := badger.Open(dir, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	return db
}

func TestContract(t *testing.T) { storetest.KV(t, open) }

func BenchmarkKV(b *testing.B) { storetest.BenchmarkKV(b, open) }

func set(t testing.TB, db *badger.DB, key, value string) {
	t.Helper()
	if ok, err := db.Update(context.Background(), nil, map[string][]byte{key: []byte(value)}); err != nil || !ok {
		t.Fatalf("%v %v", ok, err)
	}
}

func has(t testing.TB, db *badger.DB, key, value string) {
	t.Helper()
	if got, _, err := db.Get(context.Background(), key); err != nil || string(got) != value {
		t.Fatalf("%s is %q: %v", key, got, err)
	}
}

// Handles of one process take turns just like handles of several, because an flock belongs to an open file.
func TestTurns(t *testing.T) {
	dir := t.TempDir()
	a, b := openDir(t, dir, badger.Options{}), openDir(t, dir, badger.Options{})
	for i := range 5 {
		set(t, a, "a", fmt.Sprint(i))
		has(t, b, "a", fmt.Sprint(i))
		set(t, b, "b", fmt.Sprint(i))
		has(t, a, "b", fmt.Sprint(i))
	}
}

func TestNoOperationIsLost(t *testing.T) {
	dir := t.TempDir()
	var wg sync.WaitGroup
	for h := range 3 {
		db := openDir(t, dir, badger.Options{Hold: 20 * time.Millisecond})
		for c := range 4 {
			wg.Go(func() {
				for i := range 25 {
					set(t, db, fmt.Sprintf("%d/%d/%d", h, c, i), "x")
				}
			})
		}
	}
	wg.Wait()
	n := 0
	err := openDir(t, dir, badger.Options{}).Scan(t.Context(), "0", "9", func(string, []byte) error { n++; return nil })
	if err != nil || n != 3*4*25 {
		t.Fatalf("%d updates of %d: %v", n, 3*4*25, err)
	}
}

func TestBusyNamesTheHolder(t *testing.T) {
	dir := t.TempDir()
	a := openDir(t, dir, badger.Options{Idle: time.Minute, Hold: time.Minute})
	b := openDir(t, dir, badger.Options{Wait: 30 * time.Millisecond})
	err := a.Scan(t.Context(), "a", "b", func(string, []byte) error { return nil })
	if err != nil {
		t.Fatal(err)
	}
	var holding sync.WaitGroup
	stop := make(chan struct{})
	holding.Go(func() { // an idle holder yields at once
		for {
			select {
			case <-stop:
				return
			default:
				if _, _, err := a.Get(t.Context(), "a"); err != nil {
					t.Error(err)
				}
			}
		}
	})
	_, _, err = b.Get(t.Context(), "a")
	close(stop)
	holding.Wait()
	var busy *badger.BusyError
	if !errors.As(err, &busy) || !errors.Is(err, badger.ErrBusy) || busy.PID != os.Getpid() {
		t.Fatalf("%v", err)
	}
	patient := openDir(t, dir, badger.Options{})
	if ok, err := patient.Update(t.Context(), nil, map[string][]byte{"a": {}}); err != nil || !ok {
		t.Fatalf("the holder is idle: %v", err)
	}
}

// TestCancelledWhileWaiting: an update that waits for another process to close the database can still be cancelled.
func TestCancelledWhileWaiting(t *testing.T) {
	dir := t.TempDir()
	db := openDir(t, dir, badger.Options{Wait: time.Minute})
	set(t, db, "a", "1")
	holder, err := os.OpenFile(filepath.Join(dir, "holder.lock"), os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer holder.Close()
	if err := flock.Exclusive(holder); err != nil { // as another process has it
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	ok, err := db.Update(ctx, nil, map[string][]byte{"a": []byte("2")})
	if ok || !errors.Is(err, context.DeadlineExceeded) {
		t.Fatalf("%v, %v", ok, err)
	}
	if err := flock.Unlock(holder); err != nil {
		t.Fatal(err)
	}
	has(t, db, "a", "1")
}

func TestTooLargeAndCancelled(t *testing.T) {
	db := openDir(t, t.TempDir(), badger.Options{})
	put := map[string][]byte{}
	for i := range 100 {
		put[fmt.Sprint(i)] = make([]byte, 100<<10)
	}
	var wg sync.WaitGroup
	for i := range 20 { // its neighbours are not affected
		wg.Go(func() { set(t, db, fmt.Sprintf("x%d", i), "x") })
	}
	if _, err := db.Update(t.Context(), nil, put); !errors.Is(err, store.ErrTooLarge) {
		t.Fatal(err)
	}
	wg.Wait()
	has(t, db, "0", "")
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := db.Update(t.Context(), nil, nil); !errors.Is(err, badger.ErrClosed) {
		t.Fatal(err)
	}
	if _, _, err := db.Get(t.Context(), "a"); !errors.Is(err, badger.ErrClosed) {
		t.Fatal(err)
	}
}

// Short sessions must not accumulate files; otherwise every command gets slower.
func TestManyShortSessions(t *testing.T) {
	dir := t.TempDir()
	for i := range 60 {
		db := openDir(t, dir, badger.Options{})
		h := object.SumText(fmt.Sprint(i)).String()
		set(t, db, "b/"+h, "v")
		set(t, db, "o/"+h, strings.Repeat("v", 4000))
		if err := db.Close(); err != nil {
			t.Fatal(err)
		}
	}
	list, err := os.ReadDir(dir)
	if err != nil || len(list) > 25 {
		t.Errorf("%d files after 60 sessions: %v", len(list), err)
	}
	db := openDir(t, dir, badger.Options{})
	for i := range 60 {
		has(t, db, "o/"+object.SumText(fmt.Sprint(i)).String(), strings.Repeat("v", 4000))
	}
	if err := db.Reclaim(t.Context()); err != nil {
		t.Error(err)
	}
	has(t, db, "b/"+object.SumText("7").String(), "v")
}

const childDir = "MYTHOS_BADGER_TEST_DIR"

// TestMain also runs the child processes, which write until they are killed.
func TestMain(m *testing.M) {
	dir := os.Getenv(childDir)
	if dir == "" {
		os.Exit(m.Run())
	}
	db, err := badger.Open(dir, badger.Options{})
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	for i := 0; ; i++ {
		key := fmt.Sprintf("%d/%d", os.Getpid(), i)
		if _, err := db.Update(context.Background(), nil, map[string][]byte{key: []byte("x")}); err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
		fmt.Println(key) // acknowledged
	}
}

// Updates that were reported durable are there after the process was killed, and the database is free for the next one.
func TestKilledHolders(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "db")
	var acknowledged []string
	for round := 0; round < 6 || len(acknowledged) < 10 && round < 100; round++ { // a busy machine takes longer to start
		var procs []*exec.Cmd
		var outs []*strings.Builder
		for range 2 {
			out := &strings.Builder{}
			cmd := exec.Command(os.Args[0])
			cmd.Env, cmd.Stdout = append(os.Environ(), childDir+"="+dir), out
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			procs, outs = append(procs, cmd), append(outs, out)
		}
		time.Sleep(time.Duration(100+40*round) * time.Millisecond)
		for i, cmd := range procs {
			if err := cmd.Process.Signal(syscall.SIGKILL); err != nil {
				t.Fatal(err)
			}
			_ = cmd.Wait() // killed
			lines := strings.Split(outs[i].String(), "\n")
			acknowledged = append(acknowledged, lines[:len(lines)-1]...)
		}
	}
	db := openDir(t, dir, badger.Options{})
	for _, key := range acknowledged {
		if _, err := strconv.Atoi(strings.Split(key, "/")[0]); err != nil {
			t.Fatalf("a child failed: %s", key)
		}
		has(t, db, key, "x")
	}
	if len(acknowledged) < 10 {
		t.Errorf("only %d updates were acknowledged", len(acknowledged))
	}
}

func BenchmarkOpenGetClose(b *testing.B) {
	dir := b.TempDir()
	set(b, openDir(b, dir, badger.Options{}), "a", "b")
	for b.Loop() {
		db, err := badger.Open(dir, badger.Options{})
		if err != nil {
			b.Fatal(err)
		}
		has(b, db, "a", "b")
		if err := db.Close(); err != nil {
			b.Fatal(err)
		}
	}
}

// TestManySmallKeys: more keys than fit one transaction of Badger are moved in several, while the database is open and
// when it is opened again.
func TestManySmallKeys(t *testing.T) {
	dir := t.TempDir()
	db, err := badger.Open(dir, badger.Options{})
	if err != nil {
		t.Fatal(err)
	}
	const updates, keys = 8, 15_000
	for i := range updates {
		put := map[string][]byte{}
		for j := range keys {
			put[fmt.Sprintf("%d/%d", i, j)] = []byte{byte(j)}
		}
		if ok, err := db.Update(t.Context(), nil, put); err != nil || !ok {
			t.Fatalf("update %d: %t, %v", i, ok, err)
		}
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	again := openDir(t, dir, badger.Options{})
	n := 0
	if err := again.Scan(t.Context(), "", "\xff", func(string, []byte) error { n++; return nil }); err != nil || n != updates*keys {
		t.Fatalf("%d keys, %v", n, err)
	}
}
