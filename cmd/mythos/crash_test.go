package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	osexec "os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/mythos-project/mythos/store"
	"github.com/mythos-project/mythos/store/badger"
	"github.com/mythos-project/mythos/store/socket"
)

// started is a running mythos process.
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

// end waits and returns the exit code; -1 if the process was killed.
func (s *started) end() int {
	err := s.Wait()
	var exit *osexec.ExitError
	if errors.As(err, &exit) {
		return exit.ExitCode()
	}
	return 0
}

// slowTool registers a training tool that records each call in the file calls, and that sleeps for minutes while the
// file block exists.
func slowTool(t *testing.T, dir string) {
	t.Helper()
	if _, err := osexec.LookPath("sh"); err != nil {
		t.Skip("no sh here")
	}
	script := `echo "$$" >>"$1/calls"
if [ -e "$1/block" ]; then echo 'progress 1/2' >&2; sleep 300 & echo $! >"$1/child"; wait; fi
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

// allow allows so many jobs of the slow tool.
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

// TestInterruptedTraining stops a training like Ctrl-C: the tool and what it started are gone, nothing is half done,
// and the advice to run the same command again works under a capability for one job.
func TestInterruptedTraining(t *testing.T) {
	t.Parallel()
	dir := lab(t, learnedLittle)
	slowTool(t, dir)
	allow(t, dir, 1)
	block := filepath.Join(dir, "block")
	if err := os.WriteFile(block, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	s := start(t, dir, "train", "@slow", "@train")
	child := filepath.Join(dir, "child")
	for range 12000 {
		if _, err := os.Stat(child); err == nil {
			break
		}
		time.Sleep(10 * time.Millisecond)
	}
	if err := s.Process.Signal(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	if code := s.end(); code != 130 || !strings.Contains(s.err.String(), "run the same command to continue") {
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

// TestKilledTraining kills a training at its first durable write, then at its second, and so on until it succeeds: the
// tool's call is committed once, and never made again afterwards.
func TestKilledTraining(t *testing.T) {
	t.Parallel()
	dir := lab(t, learnedLittle)
	slowTool(t, dir)
	allow(t, dir, 1) // a kill costs nothing: the charge comes with the register
	d := serveDying(t, dir)
	before := 0
	for n := 1; ; n++ {
		if n > 200 {
			t.Fatal("it never succeeds")
		}
		s := d.start(n, "train", "@slow", "@train")
		code := s.end()
		d.live()
		receipts := must(t, dir, "receipt", "ls", "--tool", "slow")
		called := calls(t, dir)
		if before > 0 && called != before {
			t.Fatalf("write %d: the tool was called again after its receipt: %d times, then %d", n, before, called)
		}
		if receipts != "" {
			before = called
		}
		if code == 0 {
			t.Logf("killed at %d writes, the tool was called %d times", n-1, called)
			break
		}
		if code != -1 {
			t.Fatalf("write %d: exit code %d: %s", n, code, s.err.String())
		}
	}
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

// ring returns the model in ring 0 and its newest record.
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

// TestTwoPromotionsAtOnce starts two at the same time from the same record: one wins, the other reports which was
// first.
func TestTwoPromotionsAtOnce(t *testing.T) {
	t.Parallel()
	dir := lab(t, learnedLittle)
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

// TestKilledPromotion kills a promotion right before each of its durable writes: the ring has the old model or the new
// one, its history is complete, why verifies either, and the same command finishes what was begun. Then a rollback
// restores the old model, and is killed in the same way.
func TestKilledPromotion(t *testing.T) {
	t.Parallel()
	dir := lab(t, learnedLittle)
	first, second := standing(t, dir, "one", 1), standing(t, dir, "two", 2)
	must(t, dir, "promote", first, "--ring", "0", "--policy", "@policy0")
	d := serveDying(t, dir)
	promote, rollback := []string{"promote", second, "--ring", "0", "--policy", "@policy0"}, []string{"rollback", "--ring", "0"}
	d.killAtEveryWrite(first, second, promote, rollback)
	d.killAtEveryWrite(second, first, rollback, promote)
	must(t, dir, "ledger", "verify")
	must(t, dir, "fsck")
}

// killAtEveryWrite kills a command that moves ring 0 from one model to another at each
// of its writes.
func (d *dying) killAtEveryWrite(from, to string, kill, back []string) {
	t, dir, name := d.t, d.dir, kill[0]
	old, moved := 0, 0
	for n := 1; ; n++ {
		s := d.start(n, kill...)
		code := s.end()
		d.live()
		now, _ := ring(t, dir) // verifies the whole history
		must(t, dir, "-q", "why", "@ring0")
		switch {
		case code == 0 && now == to:
			t.Logf("%s: killed %d times with the old model in the ring, %d times with the new one", name, old, moved)
			if old == 0 || moved == 0 {
				t.Errorf("%s: %d times the old model, %d times the new one: one moment was never met", name, old, moved)
			}
			return
		case code != -1:
			t.Fatalf("%s, write %d: exit code %d, the ring has %s: %s", name, n, code, now, s.err.String())
		case now == from:
			old++
			must(t, dir, kill...)
		case now == to:
			moved++
		default:
			t.Fatalf("%s, write %d: the ring has %s", name, n, now)
		}
		if now, _ := ring(t, dir); now != to {
			t.Fatalf("%s, write %d: asked again, the ring has %s", name, n, now)
		}
		must(t, dir, back...)
	}
}

// TestKilledDecisions kills a freeze, and putting a policy into force, at each of their writes: whatever has taken
// effect has a receipt when somebody looks, and the same command finishes.
func TestKilledDecisions(t *testing.T) {
	t.Parallel()
	dir := lab(t, learnedLittle)
	must(t, dir, "promote", standing(t, dir, "one", 1), "--ring", "0", "--policy", "@policy0")
	d := serveDying(t, dir)
	decide := func(n int, args ...string) (killed bool) {
		s := d.start(n, args...)
		code := s.end()
		d.live()
		if code != 0 && code != -1 {
			t.Fatalf("%v, write %d: exit code %d: %s", args, n, code, s.err.String())
		}
		must(t, dir, "-q", "why", "@ring0")
		return code != 0
	}
	for n := 1; decide(n, "ring", "freeze", "--ring", "0", "--reason", fmt.Sprint("incident ", n)); n++ {
	}
	if out := must(t, dir, "why", "@ring0"); !strings.Contains(out, "ring 0 frozen") {
		t.Errorf("the ring is not frozen: %s", out)
	}
	policy := ""
	for n, killed := 1, true; killed; n++ {
		policy = must(t, dir, "-q", "policy", "add", "policy0.yaml")
		killed = decide(n, "policy", "set", policy)
	}
	if out := must(t, dir, "why", policy); !strings.Contains(out, "receipt of mythos.policy.set") {
		t.Error(out)
	}
	must(t, dir, "ledger", "verify")
}

// dying serves a repository to other processes, and kills one of them right before a chosen durable write. A process
// leaves only what it wrote before.
type dying struct {
	store.KV
	t   *testing.T
	dir string

	mu     sync.Mutex
	left   int           // writes until the process is killed; 0: it is not killed
	last   string        // the process is killed right after it writes such a key; "": it is not
	killed bool          // it was killed: it writes nothing any more
	victim chan *started // the process
}

func serveDying(t *testing.T, dir string) *dying {
	t.Helper()
	db, err := badger.Open(filepath.Join(dir, ".mythos", "db"), badger.Options{Wait: time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	d := &dying{KV: db, t: t, dir: dir}
	shared := socket.Open(filepath.Join(dir, ".mythos"), d, socket.Options{Wait: time.Minute})
	server, err := shared.Listen()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := errors.Join(server.Close(), shared.Close(), db.Close()); err != nil {
			t.Error(err)
		}
	})
	return d
}

// start runs mythos as a process that is killed right before its n-th write.
func (d *dying) start(n int, args ...string) *started {
	d.mu.Lock()
	d.left, d.victim = n, make(chan *started, 1)
	d.mu.Unlock()
	s := start(d.t, d.dir, append([]string{"-q"}, args...)...)
	d.victim <- s
	return s
}

// startUntil runs mythos as a process that is killed right after it writes a key that begins so.
func (d *dying) startUntil(key string, args ...string) *started {
	d.mu.Lock()
	d.last = key
	d.mu.Unlock()
	return d.start(0, args...)
}

// live lets everybody write again.
func (d *dying) live() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.left, d.last, d.killed = 0, "", false
}

// Update implements store.KV.
func (d *dying) Update(ctx context.Context, check, put map[string][]byte) (bool, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.left > 0 {
		if d.left--; d.left == 0 {
			d.killed = true
			_ = (<-d.victim).Process.Kill()
		}
	}
	if d.killed {
		return false, errors.New("the process was killed")
	}
	ok, err := d.KV.Update(ctx, check, put)
	for key := range put {
		if ok && !d.killed && d.last != "" && strings.HasPrefix(key, d.last) {
			d.killed = true
			_ = (<-d.victim).Process.Kill()
		}
	}
	return ok, err
}
