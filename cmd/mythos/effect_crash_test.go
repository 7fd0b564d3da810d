package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	osexec "os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// noting registers a tool "note" that records its key in the file calls, waits while the file block exists, and answers
// its request.
func noting(t *testing.T, dir string, flags ...string) {
	t.Helper()
	if _, err := osexec.LookPath("sh"); err != nil {
		t.Skip("no sh here")
	}
	script := "echo \"$MYTHOS_IDEMPOTENCY_KEY\" >>\"$1/calls\"\nwhile [ -e \"$1/block\" ]; do sleep 0.02; done\nexec cat\n"
	for name, text := range map[string]string{"note.sh": script, "calls": "", "in": "hello"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	t.Cleanup(func() { _ = os.Remove(filepath.Join(dir, "block")) }) // tools that outlived their process end
	args := append([]string{"tool", "add", "note"}, flags...)
	must(t, dir, append(args, "--unconfined", "--process", "sh", filepath.Join(dir, "note.sh"), dir)...)
	must(t, dir, "cap", "issue", "--scope", "tool.call:note", "--ttl", "1h")
}

func block(t *testing.T, dir string, on bool) {
	t.Helper()
	name := filepath.Join(dir, "block")
	if !on {
		if err := os.Remove(name); err != nil {
			t.Fatal(err)
		}
		return
	}
	if err := os.WriteFile(name, nil, 0o600); err != nil {
		t.Fatal(err)
	}
}

// killAfter kills a process with kill -9 once the tool was called so many times.
func killAfter(t *testing.T, dir string, s *started, n int) {
	t.Helper()
	for deadline := time.Now().Add(2 * time.Minute); calls(t, dir) < n; time.Sleep(2 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%d calls of the tool, %d are expected\n%s", calls(t, dir), n, s.err.String())
		}
	}
	if err := s.Process.Signal(syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	s.end()
}

// TestKilledCall kills `mythos call` while its tool runs. The same command calls a retry-safe tool once more, and then
// never again; for any other tool it reports at once that the outcome is unknown, and does not call it.
func TestKilledCall(t *testing.T) {
	t.Parallel()
	for _, safe := range []bool{true, false} {
		t.Run(fmt.Sprintf("retry-safe=%t", safe), func(t *testing.T) {
			dir := repository(t)
			noting(t, dir, map[bool][]string{true: {"--retry-safe"}}[safe]...)
			block(t, dir, true)
			killAfter(t, dir, start(t, dir, "call", "note", "--key", "k", "--in", "in"), 1)
			block(t, dir, false)
			for range 2 {
				out, errOut, code := outcome(t, command(dir, "call", "note", "--key", "k", "--in", "in"))
				switch {
				case safe && (code != 0 || out != "hello" || calls(t, dir) != 2):
					t.Errorf("exit code %d, %q, %d calls: %s", code, out, calls(t, dir), errOut)
				case !safe && (code != 4 || out != "" || calls(t, dir) != 1):
					t.Errorf("exit code %d, %q, %d calls: %s", code, out, calls(t, dir), errOut)
				}
			}
			mustRun(t, dir, "ledger", "verify")
			mustRun(t, dir, "fsck")
		})
	}
}

// TestKilledBatch kills a batch in the middle, again and again. The same command continues: in the end each effect of a
// retry-safe tool is done; for any other tool no key was called twice, and only the effects that were under way when a
// process died are in doubt.
func TestKilledBatch(t *testing.T) {
	t.Parallel()
	const effects, parallel, killed = 48, 6, 3
	for _, safe := range []bool{true, false} {
		t.Run(fmt.Sprintf("retry-safe=%t", safe), func(t *testing.T) {
			dir := repository(t)
			noting(t, dir, map[bool][]string{true: {"--retry-safe"}}[safe]...)
			writeBatch(t, filepath.Join(dir, "batch"), effects, "hello")
			args := []string{"call", "note", "--batch", "batch", "--parallel", strconv.Itoa(parallel), "--json"}
			for i := range killed {
				killAfter(t, dir, start(t, dir, args...), calls(t, dir)+effects/6+i)
			}
			out, errOut, code := outcome(t, command(dir, args...))
			done, doubtful := batchLines(t, out, effects)
			switch {
			case safe && (code != 0 || doubtful != 0 || done != effects):
				t.Errorf("exit code %d, %d done: %s", code, done, errOut)
			case !safe && (code != 0) != (doubtful > 0), !safe && doubtful > killed*parallel, !safe && done+doubtful != effects:
				t.Errorf("exit code %d, %d done, %d in doubt: %s", code, done, doubtful, errOut)
			}
			atMost := 1
			if safe {
				atMost = 1 + killed
			}
			checkCalls(t, dir, effects, atMost)
			before := calls(t, dir)
			outcome(t, command(dir, args...))
			if calls(t, dir) != before {
				t.Errorf("%d more calls when all was done", calls(t, dir)-before)
			}
			mustRun(t, dir, "ledger", "verify")
			mustRun(t, dir, "fsck")
		})
	}
}

func writeBatch(t *testing.T, name string, n int, request string) {
	t.Helper()
	var b bytes.Buffer
	for i := range n {
		fmt.Fprintf(&b, "{\"key\":\"k%05d\",\"request\":%q}\n", i, request)
	}
	if err := os.WriteFile(name, b.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
}

// batchLines checks that there is a line for each key, in order, and counts successes and errors.
func batchLines(t *testing.T, out string, n int) (done, failed int) {
	t.Helper()
	lines := strings.Split(strings.TrimSuffix(out, "\n"), "\n")
	if len(lines) != n {
		t.Fatalf("%d lines, %d are expected", len(lines), n)
	}
	for i, text := range lines {
		var l struct {
			Key       string `json:"key"`
			Status    int    `json:"status"`
			ErrorCode int    `json:"error_code"`
		}
		if err := json.Unmarshal([]byte(text), &l); err != nil || l.Key != fmt.Sprintf("k%05d", i) {
			t.Fatalf("line %d: %s, %v", i, text, err)
		}
		if l.Status == 200 {
			done++
		} else {
			failed++
		}
	}
	return done, failed
}

// checkCalls checks that every key was called, none too often.
func checkCalls(t *testing.T, dir string, keys, atMost int) {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(dir, "calls"))
	if err != nil {
		t.Fatal(err)
	}
	times := map[string]int{}
	for _, key := range strings.Fields(string(data)) {
		times[key]++
		if times[key] > atMost {
			t.Errorf("key %s was called %d times", key, times[key])
		}
	}
	if len(times) > keys {
		t.Errorf("%d keys were called, there are %d", len(times), keys)
	}
}

// TestBatchMemory: the memory of a batch does not grow with its length, except for the database's tables in memory (64
// MiB). `make bench-batch` runs 10,000 effects.
func TestBatchMemory(t *testing.T) {
	t.Parallel()
	if _, err := osexec.LookPath("head"); err != nil {
		t.Skip("no head here")
	}
	const response, table = 1 << 20, 64 << 20
	short, long := 20, 160 // 140 responses more would be 140 MiB
	if text := os.Getenv("MYTHOS_BATCH"); text != "" {
		var err error
		if long, err = strconv.Atoi(text); err != nil {
			t.Fatal(err)
		}
		short = long / 10
	}
	dir := repository(t)
	mustRun(t, dir, "tool", "add", "zeros", "--retry-safe", "--unconfined", "--process", "head", "-c", strconv.Itoa(response), "/dev/zero")
	mustRun(t, dir, "cap", "issue", "--scope", "tool.call:zeros", "--ttl", "12h")
	small := batchPeak(t, dir, short)
	began := time.Now()
	large := batchPeak(t, dir, long)
	t.Logf("%d effects: peak of %d MiB; %d effects: %d MiB, %.0f effects/s", short, small>>20, long, large>>20, float64(long)/time.Since(began).Seconds())
	if large > small+table+(32<<20) {
		t.Errorf("%d effects took %d MiB, %d took %d", short, small>>20, long, large>>20)
	}
}

// batchPeak returns the peak memory of a batch of n effects, in bytes.
func batchPeak(t *testing.T, dir string, n int) int64 {
	t.Helper()
	name := fmt.Sprintf("batch%d", n)
	writeBatch(t, filepath.Join(dir, name), n, "x")
	c := command(dir, "call", "zeros", "--batch", name, "--json", "--parallel", "16")
	var out, errOut bytes.Buffer
	c.Stdout, c.Stderr = &out, &errOut
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	stop, peak := make(chan struct{}), make(chan int64, 1)
	go func() { peak <- watchMemory(c.Process.Pid, stop) }()
	err := c.Wait()
	close(stop)
	if done, _ := batchLines(t, out.String(), n); err != nil || done != n {
		t.Fatalf("%v, %d of %d done: %s", err, done, n, errOut.Bytes())
	}
	return <-peak
}
