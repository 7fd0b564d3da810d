//go:build unix

package main

import (
	"fmt"
	"os"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/mythos-project/mythos/internal/pgtest"
	"github.com/mythos-project/mythos/internal/s3test"
)

// TestTurnHolderDies: of processes that append to one log, the one that has the turn is killed. The others continue,
// and what it had not done is done later. With `make cluster` another one is stopped during its turn until the database
// takes the turn away, and everything also happens behind a pooler.
func TestTurnHolderDies(t *testing.T) {
	pg, s3 := pgtest.Shared(t), s3test.Shared(t)
	long := os.Getenv(clusterVar) != ""
	t.Run("direct", func(t *testing.T) { holderDies(t, pg.Database(t), s3.Bucket(t), long) })
	if long {
		t.Run("pooler", func(t *testing.T) {
			holderDies(t, pg.Pooler(t)(pg.Database(t)), s3.Bucket(t), false)
		})
	}
}

func holderDies(t *testing.T, store, chunks string, stops bool) {
	each := 30
	if stops {
		each = 250
	}
	t.Setenv("MYTHOS_LEASE", "5s")
	const rounds = 20 // until one is seen in its turn; nearly always in the first
	f := newMachines(t, 3, 3*rounds*each, store, chunks, "--accept-loss")
	f.ready(t, true)
	dead, batches := -1, make([]*batch, 3)
	for round := 0; dead < 0; round++ {
		if round == rounds {
			t.Fatal("nobody was seen in its turn")
		}
		for i := range batches {
			if round > 0 {
				f.answered(t, batches[i])
			}
			name := fmt.Sprintf("p%d", i)
			batches[i] = f.batch(t, i, name, numbered(fmt.Sprintf("%s-%d", name, round), each)...)
		}
		dead = f.catch(t, store, batches)
	}
	_ = batches[dead].Process.Kill()
	if stops {
		rest := []*batch{batches[(dead+1)%3], batches[(dead+2)%3]}
		i := f.catch(t, store, rest)
		if i < 0 {
			t.Fatal("no other one was seen in its turn")
		}
		<-rest[1-i].ended // though the other one never ends its turn
		_ = rest[i].Process.Signal(syscall.SIGCONT)
	}
	for _, b := range batches {
		if code := f.answered(t, b); code != 0 && code != -1 {
			t.Errorf("exit code %d: %s", code, b.err.String())
		}
	}
	f.judge(t)
}

// inTurn asks the database who has the turn at the end of the log.
const inTurn = "SELECT application_name FROM pg_stat_activity WHERE state = 'idle in transaction' AND query LIKE 'SELECT v FROM mythos.kv %' AND datname = current_database()"

// catch stops one of some processes while it has its turn; -1: all have ended before.
func (f *machines) catch(t *testing.T, store string, batches []*batch) int {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), store+"&default_query_exec_mode=exec")
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context())
	whose := func() (name string) {
		if err := conn.QueryRow(t.Context(), inTurn).Scan(&name); err != nil && err != pgx.ErrNoRows {
			t.Fatal(err)
		}
		return name
	}
	for deadline := time.Now().Add(2 * time.Minute); time.Now().Before(deadline); {
		name, ended := whose(), 0
		for i, b := range batches {
			select {
			case <-b.ended:
				ended++
			default:
			}
			if name != b.name {
				continue
			}
			_ = b.Process.Signal(syscall.SIGSTOP)
			if whose() == name {
				return i
			}
			_ = b.Process.Signal(syscall.SIGCONT)
		}
		if ended == len(batches) {
			return -1
		}
	}
	return -1
}

// TestMachinesClocks: machines whose clocks differ by minutes agree about what runs and what has ended, since the
// database's clock decides; and no entry of the ledger has another time.
func TestMachinesClocks(t *testing.T) {
	pg, s3 := pgtest.Shared(t), s3test.Shared(t)
	f := newMachines(t, 3, 2, pg.Database(t), s3.Bucket(t), "--accept-loss")
	running := func(n int, s *started) {
		t.Helper()
		waitFor(t, func() bool { return len(f.ran(t)) == n }, &s.err)
	}
	first := startAt(t, f.dirs[0], "-10m", "call", "note", "--key", "k", "--json")
	running(1, first)
	other := startAt(t, f.dirs[1], "10m", "ledger", "resolve", "k", "--tool", "note", "--decision", "retry")
	if code := other.end(); code != 4 || !strings.Contains(other.err.String(), "is pending") {
		t.Errorf("a decision while it runs: exit code %d, %s", code, other.err.String())
	}
	waiter := startAt(t, f.dirs[2], "10m", "call", "note", "--key", "k", "--json")
	waitFor(t, func() bool { return strings.Contains(waiter.err.String(), "waiting for attempt 1") }, &waiter.err)
	f.ready(t, true)
	for _, s := range []*started{first, waiter} {
		if code := s.end(); code != 0 {
			t.Errorf("exit code %d: %s", code, s.err.String())
		}
	}
	f.ready(t, false)
	t.Setenv("MYTHOS_LEASE", "2s")
	killed := startAt(t, f.dirs[1], "10m", "call", "note", "--key", "dead")
	running(2, killed)
	_ = killed.Process.Kill()
	killed.end()
	f.ready(t, true)
	again := startAt(t, f.dirs[0], "-10m", "call", "note", "--key", "dead")
	if code := again.end(); code != 0 || again.out.String() != "answer of attempt 2\n" {
		t.Errorf("exit code %d, %q: %s", code, again.out.String(), again.err.String())
	}
	if ran := f.ran(t); len(ran) != 3 {
		t.Errorf("%d runs: %q", len(ran), ran)
	}
	for _, at := range regexp.MustCompile(`"time_observed":"([^"]*)"`).FindAllStringSubmatch(mustRun(t, f.dirs[0], "ledger", "log", "--json"), -1) {
		if when, err := time.Parse(time.RFC3339, at[1]); err != nil || time.Since(when).Abs() > 5*time.Minute {
			t.Errorf("an entry of %s, %v", at[1], err)
		}
	}
}

// TestPausedCall: a process is stopped until its lease has expired, and another machine executes its effect. What the
// first one commits later is recorded, and judged: nobody is told that all is well.
func TestPausedCall(t *testing.T) {
	if os.Getenv(clusterVar) == "" {
		t.Skip("make cluster: it waits until a lease has ended")
	}
	pg, s3 := pgtest.Shared(t), s3test.Shared(t)
	t.Setenv("MYTHOS_LEASE", "5s")
	f := newMachines(t, 2, 1, pg.Database(t), s3.Bucket(t), "--accept-loss")
	first := start(t, f.dirs[0], "call", "note", "--key", "k")
	waitFor(t, func() bool { return len(f.ran(t)) == 1 }, &first.err)
	_ = first.Process.Signal(syscall.SIGSTOP)
	defer first.Process.Signal(syscall.SIGCONT) //nolint:errcheck // it has ended
	second := start(t, f.dirs[1], "call", "note", "--key", "k")
	waitFor(t, func() bool { return len(f.ran(t)) == 2 }, &second.err)
	if ran := f.ran(t); !strings.HasSuffix(ran[0], " 1") || !strings.HasSuffix(ran[1], " 2") {
		t.Errorf("the fences that the tool was given: %q", ran)
	}
	f.ready(t, true)
	if code := second.end(); code != 0 || second.out.String() != "answer of attempt 2\n" {
		t.Errorf("exit code %d, %q: %s", code, second.out.String(), second.err.String())
	}
	_ = first.Process.Signal(syscall.SIGCONT)
	if code := first.end(); code != 6 || first.out.Len() > 0 || !strings.Contains(first.err.String(), "NonDeterministicEffect") {
		t.Errorf("who comes too late: exit code %d, %q: %s", code, first.out.String(), first.err.String())
	}
	history := mustRun(t, f.dirs[1], "ledger", "show", "k", "--tool", "note")
	if !strings.Contains(history, "state  divergent") || strings.Count(history, " commit ") != 2 || !strings.Contains(history, "attempt 2") {
		t.Error(history)
	}
}

// TestFailover: the primary is lost while processes of several machines work, and its synchronous standby is promoted.
// An asynchronous standby is refused, and so is a primary that no longer has a synchronous one.
func TestFailover(t *testing.T) {
	if os.Getenv(clusterVar) == "" {
		t.Skip("make cluster runs it")
	}
	s3 := s3test.Shared(t)
	started := func(s *pgtest.Server, err error) *pgtest.Server {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = s.Stop() })
		return s
	}
	follows := func(s *pgtest.Server, what string) {
		t.Helper()
		waitFor(t, func() bool { return s.Ask(t, "SELECT count(*) = 1 FROM pg_stat_replication WHERE "+what) }, &logBuffer{})
	}
	synchronous := func(s *pgtest.Server) {
		t.Helper()
		s.Exec(t, "postgres", "ALTER SYSTEM SET synchronous_standby_names = '*'")
		s.Exec(t, "postgres", "SELECT pg_reload_conf()")
		follows(s, "sync_state = 'sync'")
	}
	primary := started(pgtest.Start(true))
	standby := started(primary.Standby())
	follows(primary, "state = 'streaming'")
	address, bucket := "postgres:///postgres?user=mythos&host="+primary.Dir+","+standby.Dir, s3.Bucket(t)
	if _, errOut, code := outcome(t, command(t.TempDir(), "init", "m", "--store", address, "--chunks", bucket)); code != 4 || !strings.Contains(errOut, "asynchronous standby") {
		t.Fatalf("an asynchronous standby: exit code %d, %s", code, errOut)
	}
	synchronous(primary)

	const each = 60
	t.Setenv("MYTHOS_LEASE", "5s")
	f := newMachines(t, 3, 3*each, address, bucket)
	f.ready(t, true)
	batches := make([]*batch, 3)
	for i := range batches {
		batches[i] = f.batch(t, i, fmt.Sprintf("p%d", i), numbered(fmt.Sprintf("p%d", i), each)...)
	}
	waitFor(t, func() bool { return len(f.ran(t)) > each }, &batches[0].err)
	primary.Crash()
	standby.Promote(t)
	for _, b := range batches {
		if code := f.answered(t, b); code != 0 {
			t.Errorf("exit code %d: %s", code, b.err.String())
		}
	}
	if _, errOut, code := outcome(t, command(f.dirs[0], "status")); code != 4 || !strings.Contains(errOut, "synchronous_standby_names is empty") {
		t.Errorf("without a standby: exit code %d, %s", code, errOut)
	}
	next := started(standby.Standby())
	synchronous(standby)
	f.judge(t)
	_ = next
}
