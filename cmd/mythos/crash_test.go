package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	osexec "os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// started is a mythos process on its way.
type started struct {
	*osexec.Cmd
	out, err bytes.Buffer
}

func start(t *testing.T, dir string, args ...string) *started {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	s := &started{Cmd: osexec.Command(self, args...)}
	s.Args[0] = "mythos"
	s.Dir, s.Env, s.Stdout, s.Stderr = dir, append(os.Environ(), "TESTSCRIPT_COMMAND=mythos"), &s.out, &s.err
	if err := s.Start(); err != nil {
		t.Fatal(err)
	}
	return s
}

// end waits and returns the exit code; -1 when the process was killed.
func (s *started) end() int {
	err := s.Wait()
	var exit *osexec.ExitError
	if errors.As(err, &exit) {
		return exit.ExitCode()
	}
	return 0
}

// slowTool registers a training tool that notes each call in the file calls, and that
// sleeps for a minute as long as the file block is there.
func slowTool(t *testing.T, dir string) {
	t.Helper()
	if _, err := osexec.LookPath("sh"); err != nil {
		t.Skip("no sh here")
	}
	script := `echo "$$" >>"$1/calls"
if [ -e "$1/block" ]; then echo 'progress 1/2' >&2; sleep 60 & echo $! >"$1/child"; wait; fi
echo '{"op":"train","format":"text","weights_bytes":3,"weights_sha256":"ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad","examples":1}'
printf abc
`
	for name, text := range map[string]string{"slow.sh": script, "slow.yaml": "code: slow\n", "calls": ""} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	must(t, dir, "tool", "add", "slow", "--retry-safe", "--unconfined", "--process", "sh", filepath.Join(dir, "slow.sh"), dir)
	must(t, dir, "recipe", "add", "slow.yaml", "--ref", "slow")
}

// allow lets so many jobs of the slow tool be done.
func allow(t *testing.T, dir string, jobs int) {
	t.Helper()
	must(t, dir, "cap", "issue", "--scope", fmt.Sprintf("train.run:@slow,jobs=%d", jobs), "--ttl", "1h")
}

func calls(t *testing.T, dir string) int {
	data, err := os.ReadFile(filepath.Join(dir, "calls"))
	if err != nil {
		t.Fatal(err)
	}
	return bytes.Count(data, []byte("\n"))
}

// TestInterruptedTraining stops a training as Ctrl-C does: the tool and what it
// started are gone, nothing is half done, and the same command goes on under a
// capability for one job.
func TestInterruptedTraining(t *testing.T) {
	dir := lab(t)
	slowTool(t, dir)
	allow(t, dir, 1)
	block := filepath.Join(dir, "block")
	if err := os.WriteFile(block, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	s := start(t, dir, "train", "@slow", "@train")
	child := filepath.Join(dir, "child")
	for range 1000 {
		if _, err := os.Stat(child); err == nil {
			break
		}
		time.Sleep(10 * time.Millisecond)
	}
	if err := s.Process.Signal(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	if code := s.end(); code != 1 || !strings.Contains(s.err.String(), "the same command goes on") {
		t.Errorf("exit code %d: %s", code, s.err.String())
	}
	pid, err := os.ReadFile(child)
	if err != nil {
		t.Fatal("the tool did not start: ", s.err.String())
	}
	if _, err := os.Stat("/proc/" + strings.TrimSpace(string(pid)) + "/exe"); err == nil {
		t.Errorf("process %s, which the tool started, is still there", pid)
	}
	must(t, dir, "ledger", "verify")
	must(t, dir, "fsck")
	if out := must(t, dir, "receipt", "ls", "--tool", "mythos.train"); out != "" {
		t.Errorf("an interrupted training has a receipt: %s", out)
	}
	if err := os.Remove(block); err != nil {
		t.Fatal(err)
	}
	if out := must(t, dir, "train", "@slow", "@train"); len(out) != 64 {
		t.Errorf("no model: %q", out)
	}
	if n := calls(t, dir); n != 2 {
		t.Errorf("the tool was called %d times, expected twice", n)
	}
}

// TestKilledTraining kills a training again and again, each time a little later, until
// it succeeds: the tool's call is committed once, and after that never made again.
func TestKilledTraining(t *testing.T) {
	dir := lab(t)
	slowTool(t, dir)
	allow(t, dir, 50) // a kill between charge and register costs a job
	killed, before := 0, 0
	for wait := time.Duration(0); ; wait += 4 * time.Millisecond {
		if wait > 2*time.Second {
			t.Fatal("it never succeeds")
		}
		s := start(t, dir, "train", "@slow", "@train")
		time.Sleep(wait)
		_ = s.Process.Kill()
		code := s.end()
		receipts := must(t, dir, "receipt", "ls", "--tool", "slow")
		n := calls(t, dir)
		if before > 0 && n != before {
			t.Fatalf("the tool was called again after its receipt: %d times, then %d", before, n)
		}
		if receipts != "" {
			before = n
		}
		if code == 0 {
			break
		}
		if code != -1 {
			t.Fatalf("exit code %d: %s", code, s.err.String())
		}
		killed++
	}
	if killed == 0 {
		t.Error("nothing was killed")
	}
	t.Logf("killed %d times, the tool was called %d times", killed, calls(t, dir))
	must(t, dir, "ledger", "verify")
	must(t, dir, "why", must(t, dir, "train", "@slow", "@train"))
	if n := len(strings.Fields(must(t, dir, "receipt", "ls", "--tool", "slow", "--json"))); n != 1 {
		t.Errorf("%d receipts of the tool", n)
	}
}

// standing makes a model that meets the policies of both rings, and returns its id.
func standing(t *testing.T, dir, attempt string, epochs int) string {
	t.Helper()
	name := fmt.Sprintf("recipe%d.yaml", epochs)
	text := fmt.Sprintf("code: linear\nlabel: test\nparams: {bits: 10, epochs: %d}\n", epochs)
	if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	recipe := must(t, dir, "recipe", "add", name)
	must(t, dir, "cap", "issue", "--scope", "train.run:"+recipe+",jobs=1")
	m := must(t, dir, "-q", "train", recipe, "@train", "--ref", attempt)
	must(t, dir, "attest", must(t, dir, "eval", m, "@suite"))
	for _, policy := range []string{"@policy0", "@policy1"} {
		must(t, dir, "attest", m, "--policy", policy)
	}
	return m
}

// ring is the model in ring 0 and its newest record.
func ring(t *testing.T, dir string) (model, record string) {
	t.Helper()
	out := must(t, dir, "model", "log", "--ring", "0", "--json")
	if out == "" {
		return "", "none"
	}
	var newest struct{ Promotion, Model string }
	if err := json.Unmarshal([]byte(strings.Split(out, "\n")[0]), &newest); err != nil {
		t.Fatal(err)
	}
	return newest.Model, newest.Promotion
}

// TestTwoPromotionsAtOnce starts two at the same time from the same record: one wins,
// the other says who was first.
func TestTwoPromotionsAtOnce(t *testing.T) {
	dir := lab(t)
	models := []string{standing(t, dir, "one", 1), standing(t, dir, "two", 2), standing(t, dir, "three", 3)}
	for round := range 4 {
		in, after := ring(t, dir)
		var both []*started
		for _, m := range models {
			if m != in && len(both) < 2 {
				both = append(both, start(t, dir, "promote", m, "--ring", "0", "--policy", "@policy0", "--after", after))
			}
		}
		codes := []int{both[0].end(), both[1].end()}
		winner := 0
		if codes[1] == 0 {
			winner = 1
		}
		lost := both[1-winner]
		if codes[winner] != 0 || codes[1-winner] != 6 || !strings.Contains(lost.err.String(), "somebody else was first") {
			t.Fatalf("round %d: exit codes %v: %s / %s", round, codes, both[0].err.String(), both[1].err.String())
		}
		if lost.out.Len() > 0 {
			t.Errorf("the one that lost printed %q", lost.out.String())
		}
		if now, record := ring(t, dir); now == in || record != strings.TrimSpace(both[winner].out.String()) {
			t.Errorf("round %d: the ring has %s by record %s, the winner's is %s", round, now, record, both[winner].out.String())
		}
	}
	must(t, dir, "why", "@ring0")
}

// TestKilledPromotion kills promotions at every moment: the ring has the old model or
// the new one, its history is whole, and either stands up to why.
func TestKilledPromotion(t *testing.T) {
	dir := lab(t)
	first, second := standing(t, dir, "one", 1), standing(t, dir, "two", 2)
	must(t, dir, "promote", first, "--ring", "0", "--policy", "@policy0")
	old, moved := 0, 0
	for wait := 5 * time.Millisecond; moved < 2 && wait < 2*time.Second; wait += 4 * time.Millisecond {
		s := start(t, dir, "-q", "promote", second, "--ring", "0", "--policy", "@policy0")
		time.Sleep(wait)
		_ = s.Process.Kill()
		code := s.end()
		now, _ := ring(t, dir) // verifies the whole history
		switch {
		case now == first && code == -1:
			old++
		case now == second:
			moved++
			must(t, dir, "-q", "why", "@ring0")
			if back := must(t, dir, "-q", "rollback", "--ring", "0"); back != first {
				t.Fatalf("the rollback restored %s", back)
			}
		default:
			t.Fatalf("exit code %d, the ring has %s: %s", code, now, s.err.String())
		}
	}
	t.Logf("killed with the old model in the ring %d times, with the new one %d times", old, moved)
	if old == 0 || moved == 0 {
		t.Errorf("%d times the old model, %d times the new one: one moment was never met", old, moved)
	}
	must(t, dir, "-q", "why", "@ring0")
	must(t, dir, "ledger", "verify")
}
