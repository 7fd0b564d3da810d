//go:build unix

package main

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	osexec "os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"

	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/object/sign"
)

// onceSize returns the size of a test: small by default, larger with `make once`.
func onceSize(name string, short int) int {
	if n, err := strconv.Atoi(os.Getenv(name)); err == nil && n > 0 {
		return n
	}
	return short
}

// busyTool registers a tool that records its runs by key, and whether a run overlaps another one of its key; each run
// takes so many seconds.
func busyTool(t *testing.T, dir, seconds string, safe bool) {
	t.Helper()
	if _, err := osexec.LookPath("sh"); err != nil {
		t.Skip("no sh here")
	}
	script := `k="$1/$MYTHOS_IDEMPOTENCY_KEY"
for p in $(cat "$k.pids" 2>/dev/null); do kill -0 "$p" 2>/dev/null && echo "$k $p" >>"$1/overlaps"; done
echo $$ >>"$k.pids"
sleep "$2"
echo "answer of attempt $MYTHOS_FENCE"
`
	if err := os.WriteFile(filepath.Join(dir, "busy.sh"), []byte(script), 0o600); err != nil {
		t.Fatal(err)
	}
	args := []string{"tool", "add", "busy"}
	if safe {
		args = append(args, "--retry-safe")
	}
	mustRun(t, dir, append(args, "--unconfined", "--process", "sh", filepath.Join(dir, "busy.sh"), dir, seconds)...)
	mustRun(t, dir, "cap", "issue", "--scope", "tool.call:busy", "--ttl", "10h")
}

// runs returns the processes of the runs of a key, in order.
func runs(t *testing.T, dir, key string) []int {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(dir, fmt.Sprintf("%x.pids", key)))
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	var pids []int
	for _, text := range strings.Fields(string(data)) {
		pid, err := strconv.Atoi(text)
		if err != nil {
			t.Fatal(err)
		}
		pids = append(pids, pid)
	}
	return pids
}

func noOverlaps(t *testing.T, dir string) {
	t.Helper()
	if data, err := os.ReadFile(filepath.Join(dir, "overlaps")); err == nil {
		t.Errorf("two runs of a key at once: %s", data)
	}
	if out := mustRun(t, dir, "ledger", "verify"); !strings.Contains(out, " 0 divergent") {
		t.Error(out)
	}
}

// onceCall is one call by a separate process.
type onceCall struct {
	key      string
	code     int
	out, err string
	line     struct {
		Receipt  string
		Replayed bool
	}
	begin, end time.Time
}

// callAs calls the tool as one of the identities; the empty one is the repository's own.
func callAs(t *testing.T, dir, identity, key string, flags ...string) *onceCall {
	c := &onceCall{key: key, begin: time.Now()}
	cmd := command(dir, append([]string{"call", "busy", "--key", key, "--json"}, flags...)...)
	if cmd.Env = os.Environ(); identity != "" {
		cmd.Env = append(cmd.Env, "MYTHOS_KEY="+identity)
	}
	c.out, c.err, c.code = outcome(t, cmd)
	c.end = time.Now()
	if c.code == 0 {
		if err := json.Unmarshal([]byte(c.out), &c.line); err != nil {
			t.Error(c.out, err)
		}
	}
	return c
}

// identities returns the repository's own and others that hold a capability for the tool.
func identities(t *testing.T, dir string, n int) []string {
	t.Helper()
	list := []string{""}
	for i := 1; i < n; i++ {
		seed := object.SumText(fmt.Sprint("identity ", i)).Sum
		mustRun(t, dir, "cap", "issue", "--to", sign.FromSeed(seed, "").Agent().KeyHex(), "--scope", "tool.call:busy", "--ttl", "10h")
		list = append(list, fmt.Sprintf("%x", seed))
	}
	return list
}

// oneAnswer checks that the calls have an order in which the first one of each key executed the effect and all others
// got its receipt. A call without an answer may have executed it, or not.
func oneAnswer(t *testing.T, all []*onceCall) {
	t.Helper()
	var history []porcupine.Operation
	receipts := map[string]string{} // of the keys
	for i, c := range all {
		if c.code == 0 {
			receipts[c.key] = c.line.Receipt
		}
		history = append(history, porcupine.Operation{ClientId: i, Input: c.key, Output: c, Call: c.begin.UnixNano(), Return: c.end.UnixNano()})
	}
	model := porcupine.NondeterministicModel{
		Partition: func(ops []porcupine.Operation) [][]porcupine.Operation {
			parts := map[string][]porcupine.Operation{}
			for _, op := range ops {
				parts[op.Input.(string)] = append(parts[op.Input.(string)], op)
			}
			var list [][]porcupine.Operation
			for _, part := range parts {
				list = append(list, part)
			}
			return list
		},
		Init: func() []any { return []any{""} },
		Step: func(state, _, out any) []any {
			c := out.(*onceCall)
			switch {
			case c.code != 0 && state == "":
				return []any{state, receipts[c.key]}
			case c.code != 0, c.line.Replayed && state == c.line.Receipt:
				return []any{state}
			case !c.line.Replayed && state == "":
				return []any{c.line.Receipt}
			}
			return nil
		},
	}
	if !porcupine.CheckOperations(model.ToModel(), history) {
		t.Error("no order of the calls explains their answers")
	}
}

// TestOneKey: many processes of three identities call a tool under one key at the same time, and under a second one.
// Each key runs once and all get its answer. MYTHOS_TEST_ONCE is their number.
func TestOneKey(t *testing.T) {
	n := onceSize("MYTHOS_TEST_ONCE", 9)
	for i, c := range []struct{ safe, served bool }{{true, false}, {false, false}, {true, true}, {false, true}} {
		t.Run(fmt.Sprintf("retry-safe=%t served=%t", c.safe, c.served), func(t *testing.T) {
			dir := repository(t)
			t.Setenv("MYTHOS_BUSY", "5m") // other tests may keep the processors busy
			busyTool(t, dir, fmt.Sprint(float64(n)*0.05), c.safe)
			who := identities(t, dir, 3)
			if c.served {
				serve(t, dir)
			}
			all := make([]*onceCall, n)
			var wg sync.WaitGroup
			for j := range all {
				wg.Go(func() { all[j] = callAs(t, dir, who[j%len(who)], fmt.Sprint("key", i, j%10/9)) })
			}
			wg.Wait()
			for _, c := range all {
				if c.code != 0 {
					t.Fatalf("exit code %d: %s", c.code, c.err)
				}
				if n := len(runs(t, dir, c.key)); n != 1 {
					t.Fatalf("%s ran %d times", c.key, n)
				}
			}
			oneAnswer(t, all)
			noOverlaps(t, dir)
			if left, err := os.ReadDir(filepath.Join(dir, ".mythos", "running")); err != nil || len(left) > 0 {
				t.Errorf("locks that stay: %v, %v", left, err)
			}
			logDelays(t, all)
		})
	}
}

// logDelays logs how long after the first call of a key the others ended.
func logDelays(t *testing.T, all []*onceCall) {
	first := map[string]time.Time{}
	for _, c := range all {
		if at, ok := first[c.key]; !ok || c.end.Before(at) {
			first[c.key] = c.end
		}
	}
	var delays []time.Duration
	for _, c := range all {
		delays = append(delays, c.end.Sub(first[c.key]))
	}
	slices.Sort(delays)
	t.Logf("%d calls ended after the first of their key: median %s, the last %s", len(delays), delays[len(delays)/2], delays[len(delays)-1])
}

// TestOneKeyDeaths kills the caller, the tool, or both at a random moment of a run, while others call. The key is never
// reported as being run by a dead process; a retry-safe tool runs again, any other never. MYTHOS_TEST_ROUNDS is the
// number of rounds.
func TestOneKeyDeaths(t *testing.T) {
	rounds := onceSize("MYTHOS_TEST_ROUNDS", 3)
	for _, safe := range []bool{true, false} {
		t.Run(fmt.Sprintf("retry-safe=%t", safe), func(t *testing.T) {
			dir := repository(t)
			t.Setenv("MYTHOS_BUSY", "5m")
			busyTool(t, dir, "0.4", safe)
			for round := range rounds {
				deathRound(t, dir, fmt.Sprint("k", round), round%3, safe)
			}
			noOverlaps(t, dir)
			mustRun(t, dir, "fsck")
		})
	}
}

// deathRound kills the first caller (0), its tool (1) or both (2).
func deathRound(t *testing.T, dir, key string, who int, safe bool) {
	t.Helper()
	first := start(t, dir, "call", "busy", "--key", key, "--json")
	for deadline := time.Now().Add(time.Minute); len(runs(t, dir, key)) == 0; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("it does not run: %s", first.err.String())
		}
	}
	time.Sleep(time.Duration(rand.IntN(350)) * time.Millisecond) // a random moment of the run
	if who != 1 {
		_ = first.Process.Signal(syscall.SIGKILL)
	}
	if who != 0 {
		_ = syscall.Kill(runs(t, dir, key)[0], syscall.SIGKILL) // it may have ended
	}
	all := make([]*onceCall, 3)
	var wg sync.WaitGroup
	for i := range all {
		wg.Go(func() { all[i] = callAs(t, dir, "", key) })
	}
	wg.Wait()
	code := first.end()
	for _, c := range all {
		switch {
		case c.code != all[0].code || c.line.Receipt != all[0].line.Receipt:
			t.Errorf("round %s, killed %d: exit codes %d and %d: %s%s", key, who, c.code, all[0].code, c.err, all[0].err)
		case safe && who != 1 && c.code != 0, c.code != 0 && c.code != 4 && c.code != 8, who == 1 && c.code != max(code, 0):
			t.Errorf("round %s, killed %d: exit code %d after %d: %s", key, who, c.code, code, c.err)
		}
	}
	if n := len(runs(t, dir, key)); (!safe && n != 1) || n > 2 {
		t.Errorf("round %s, killed %d: %d runs", key, who, n)
	}
}

// TestWaiterLeaves: interrupting a waiting caller harms neither the run nor other waiters; a caller that does not want
// to wait is told at once.
func TestWaiterLeaves(t *testing.T) {
	t.Parallel()
	dir := repository(t)
	noting(t, dir)
	block(t, dir, true)
	first := start(t, dir, "call", "note", "--key", "k", "--in", "in")
	for calls(t, dir) == 0 {
		time.Sleep(2 * time.Millisecond)
	}
	for _, flags := range [][]string{{"--no-wait"}, {"--wait", "50ms"}} {
		_, errOut, code := outcome(t, command(dir, append([]string{"call", "note", "--key", "k", "--in", "in"}, flags...)...))
		if code != 7 || !strings.Contains(errOut, "attempt 1") {
			t.Errorf("%v: exit code %d, %s", flags, code, errOut)
		}
	}
	waiters := []*started{start(t, dir, "call", "note", "--key", "k", "--in", "in"), start(t, dir, "call", "note", "--key", "k", "--in", "in")}
	for waiting := false; !waiting; time.Sleep(2 * time.Millisecond) {
		files, err := filepath.Glob(filepath.Join(dir, ".mythos", "running", "*"))
		if err != nil || len(files) != 1 {
			t.Fatal(files, err)
		}
		st, err := os.Stat(files[0])
		waiting = err == nil && st.Size() > 0
	}
	_ = waiters[0].Process.Signal(syscall.SIGINT)
	if code := waiters[0].end(); code == 0 {
		t.Error("an interrupted waiter succeeds")
	}
	block(t, dir, false)
	for _, s := range []*started{first, waiters[1]} {
		if code := s.end(); code != 0 || s.out.String() != "hello" {
			t.Errorf("exit code %d, %q: %s", code, s.out.String(), s.err.String())
		}
	}
	if n := calls(t, dir); n != 1 {
		t.Errorf("%d calls", n)
	}
}

// TestClocks: commands whose clocks differ by an hour or a day agree about what is running and what has ended.
func TestClocks(t *testing.T) {
	for _, apart := range []string{"-24h", "-1h", "1h", "24h"} {
		t.Run(apart, func(t *testing.T) {
			dir := repository(t)
			noting(t, dir)
			early := startAt(t, dir, "-25h", "cap", "issue", "--scope", "tool.call:note", "--ttl", "60d")
			if code := early.end(); code != 0 {
				t.Fatal(early.err.String())
			}
			block(t, dir, true)
			begin := func(key, clock string) *started {
				n, deadline := calls(t, dir), time.Now().Add(time.Minute)
				s := startAt(t, dir, clock, "call", "note", "--key", key, "--in", "in")
				for calls(t, dir) == n {
					if time.Now().After(deadline) {
						t.Fatalf("it does not run: %s", s.err.String())
					}
					time.Sleep(2 * time.Millisecond)
				}
				return s
			}
			first := begin("k", "0s")
			other := startAt(t, dir, apart, "ledger", "resolve", "k", "--tool", "note", "--decision", "retry")
			if code := other.end(); code != 4 || !strings.Contains(other.err.String(), "is pending") {
				t.Errorf("a decision while it runs: exit code %d, %s", code, other.err.String())
			}
			waiter := startAt(t, dir, apart, "call", "note", "--key", "k", "--in", "in", "--wait", "5m")
			block(t, dir, false)
			for _, s := range []*started{first, waiter} {
				if code := s.end(); code != 0 || s.out.String() != "hello" {
					t.Errorf("exit code %d, %q: %s", code, s.out.String(), s.err.String())
				}
			}
			block(t, dir, true)
			killed := begin("dead", apart)
			_ = killed.Process.Signal(syscall.SIGKILL)
			killed.end()
			block(t, dir, false)
			if _, errOut, code := outcome(t, command(dir, "call", "note", "--key", "dead", "--in", "in")); code != 4 {
				t.Errorf("after its death: exit code %d, %s", code, errOut)
			}
			mustRun(t, dir, "ledger", "resolve", "dead", "--tool", "note", "--decision", "retry", "--attempt", "1")
			mustRun(t, dir, "call", "note", "--key", "dead", "--in", "in")
			if n := calls(t, dir); n != 3 {
				t.Errorf("%d calls, expected were 3", n)
			}
			noOverlaps(t, dir)
		})
	}
}

// startAt is start with a clock that differs from the machine's.
func startAt(t *testing.T, dir, apart string, args ...string) *started {
	t.Helper()
	t.Setenv(clockVar, apart)
	s := start(t, dir, args...)
	os.Unsetenv(clockVar)
	return s
}
