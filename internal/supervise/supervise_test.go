//go:build linux

package supervise_test

import (
	"bytes"
	"fmt"
	"io"
	"os"
	osexec "os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/mythos-project/mythos/internal/supervise"
)

// started is a program of a test.
type started struct {
	*supervise.Process
	out *os.File // what it writes
}

// start runs a shell script. with changes the spec last.
func start(t *testing.T, pool *supervise.Pool, script string, with func(*supervise.Spec)) started {
	t.Helper()
	p, err := try(t, pool, script, with)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// try is start for a program that may be refused.
func try(t *testing.T, pool *supervise.Pool, script string, with func(*supervise.Spec)) (started, error) {
	t.Helper()
	sh, err := os.Open("/bin/sh")
	if err != nil {
		t.Skip("no shell here")
	}
	null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Close() })
	s := supervise.Spec{
		Program: sh, Path: "/bin/sh", Argv: []string{"sh", "-c", script}, Env: []string{"PATH=/usr/bin:/bin"},
		Dir: t.TempDir(), Stdin: null, Stdout: w, Stderr: w,
	}
	if with != nil {
		with(&s)
	}
	p, err := pool.Start(s)
	for _, f := range []*os.File{sh, null, w} {
		f.Close()
	}
	return started{p, r}, err
}

// end waits for the program and returns what it wrote.
func (s started) end(t *testing.T) (string, syscall.WaitStatus) {
	t.Helper()
	status, err := s.Wait()
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(s.out)
	if err != nil {
		t.Fatal(err)
	}
	return string(text), status
}

// alive reports whether a process runs; one that nobody has reaped does not count.
func alive(pid int) bool {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	return err == nil && !bytes.Contains(stat, []byte(") Z "))
}

// gone waits until a process that nobody waits for has ended.
func gone(t *testing.T, pid int) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); alive(pid); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("process %d lives on", pid)
		}
	}
}

func number(t *testing.T, text string) int {
	t.Helper()
	n, err := strconv.Atoi(strings.TrimSpace(text))
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func TestEnds(t *testing.T) {
	var pool supervise.Pool
	for script, want := range map[string]string{"echo out; exit 3": "exit 3", "kill -TERM $$": "signal terminated", ":": "exit 0"} {
		_, status := start(t, &pool, script, nil).end(t)
		got := fmt.Sprint("exit ", status.ExitStatus())
		if status.Signaled() {
			got = fmt.Sprint("signal ", status.Signal())
		}
		if got != want {
			t.Errorf("%s: %s, want %s", script, got, want)
		}
	}
}

// A program and everything that it starts end together: in its group, in a separate session, without a parent.
func TestFamily(t *testing.T) {
	var pool supervise.Pool
	for name, script := range map[string]string{
		"background": "sleep 100 & echo $!",
		"session":    "setsid sh -c 'echo $$; exec sleep 100' & sleep 0.2",
		"orphan":     "(setsid sh -c 'sleep 100 & echo $!' &) ; sleep 0.2",
	} {
		t.Run(name, func(t *testing.T) {
			text, _ := start(t, &pool, script, nil).end(t)
			if pid := number(t, text); alive(pid) {
				t.Errorf("process %d lives on", pid)
			}
		})
		t.Run(name+" killed", func(t *testing.T) {
			p := start(t, &pool, script+"; sleep 100", nil)
			line := make([]byte, 32)
			n, err := p.out.Read(line)
			if err != nil {
				t.Fatal(err)
			}
			p.Kill()
			if _, status := p.end(t); status.Signal() != unix.SIGKILL {
				t.Errorf("status %v", status)
			}
			if pid := number(t, string(line[:n])); alive(pid) {
				t.Errorf("process %d lives on", pid)
			}
		})
	}
}

// Forking without end does not help a program to survive.
func TestFleeing(t *testing.T) {
	var pool supervise.Pool
	p := start(t, &pool, `flee() { (setsid sh -c "$0" "$0" &) ; }; set -- 'sleep 0.001; (setsid sh -c "$0" "$0" &)'; sh -c "$1" "$1" & sleep 0.1`, nil)
	p.end(t)
}

func TestDeadline(t *testing.T) {
	var pool supervise.Pool
	_, status := start(t, &pool, "sleep 100", func(s *supervise.Spec) { s.Deadline = 50 * time.Millisecond }).end(t)
	if status.Signal() != unix.SIGKILL {
		t.Errorf("status %v", status)
	}
}

func TestSignal(t *testing.T) {
	var pool supervise.Pool
	p := start(t, &pool, "trap 'echo told; exit 4' INT; echo ready; while :; do sleep 0.05; done", nil)
	line := make([]byte, 16)
	if _, err := p.out.Read(line); err != nil {
		t.Fatal(err)
	}
	p.Signal(unix.SIGINT)
	if text, status := p.end(t); text != "told\n" || status.ExitStatus() != 4 {
		t.Errorf("%q, %v", text, status)
	}
}

// Descriptors that this process has, and would pass to children, do not reach the program.
func TestDescriptors(t *testing.T) {
	secret, err := os.Open("/etc/passwd")
	if err != nil {
		t.Fatal(err)
	}
	defer secret.Close()
	const number = 9
	if err := unix.Dup3(int(secret.Fd()), number, 0); err != nil {
		t.Fatal(err)
	}
	defer unix.Close(number)
	var pool supervise.Pool
	list := "n=0; while [ $n -lt 99 ]; do [ -e /proc/$$/fd/$n ] && echo $n; n=$((n+1)); done"
	if text, _ := start(t, &pool, list, nil).end(t); strings.Join(strings.Fields(text), " ") != "0 1 2" {
		t.Errorf("descriptors: %q", text)
	}
	text, _ := start(t, &pool, list+"; cat /proc/self/fd/60", func(s *supervise.Spec) {
		r, w, err := os.Pipe()
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprint(w, "given")
		w.Close()
		s.Files = []*os.File{r}
	}).end(t)
	if strings.Join(strings.Fields(text), " ") != "0 1 2 60 given" {
		t.Errorf("descriptors: %q", text)
	}
}

// The lock of an attempt is held until the last of its family has ended.
func TestAlive(t *testing.T) {
	path := filepath.Join(t.TempDir(), "lock")
	lock, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := unix.Flock(int(lock.Fd()), unix.LOCK_EX); err != nil {
		t.Fatal(err)
	}
	var pool supervise.Pool
	p := start(t, &pool, "echo running; sleep 100", func(s *supervise.Spec) { s.Alive = lock })
	lock.Close()
	line := make([]byte, 16)
	if _, err := p.out.Read(line); err != nil {
		t.Fatal(err)
	}
	again, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer again.Close()
	if err := unix.Flock(int(again.Fd()), unix.LOCK_EX|unix.LOCK_NB); err == nil {
		t.Error("the lock is free while the program runs")
	}
	p.Kill()
	p.end(t)
	if err := unix.Flock(int(again.Fd()), unix.LOCK_EX); err != nil {
		t.Error(err)
	}
}

// When the process that started a program is killed, the program and its family end.
func TestStarterKilled(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := osexec.Command(self, "-test.run=^TestStarter$", "-test.v")
	cmd.Env = append(os.Environ(), "STARTER=1")
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var pids []int
	var seen bytes.Buffer
	for buf := make([]byte, 256); len(pids) < 2; {
		n, err := out.Read(buf)
		seen.Write(buf[:n])
		if _, rest, ok := strings.Cut(seen.String(), "pids "); ok && strings.Contains(rest, "\n") {
			for _, field := range strings.Fields(strings.SplitN(rest, "\n", 2)[0]) {
				pids = append(pids, number(t, field))
			}
		} else if err != nil {
			t.Fatalf("%v: %s", err, seen.String())
		}
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait() // it was killed
	for _, pid := range pids {
		gone(t, pid)
	}
}

// TestStarter is what TestStarterKilled kills.
func TestStarter(t *testing.T) {
	if os.Getenv("STARTER") == "" {
		t.Skip("run by TestStarterKilled")
	}
	var pool supervise.Pool
	p := start(t, &pool, "setsid sleep 100 & echo pids $$ $!; sleep 100", nil)
	line := make([]byte, 64)
	n, err := p.out.Read(line)
	if err != nil {
		t.Fatal(err)
	}
	os.Stdout.Write(line[:n])
	p.Wait()
}

// If a supervisor is killed, its program ends with it, and the loss is reported.
func TestSupervisorKilled(t *testing.T) {
	var pool supervise.Pool
	p := start(t, &pool, "echo $PPID; sleep 100", nil)
	line := make([]byte, 32)
	n, err := p.out.Read(line)
	if err != nil {
		t.Fatal(err)
	}
	if err := unix.Kill(number(t, string(line[:n])), unix.SIGKILL); err != nil {
		t.Fatal(err)
	}
	if _, err := p.Wait(); err == nil {
		t.Error("no error")
	}
	gone(t, p.PID)
	if text, _ := start(t, &pool, "echo next", nil).end(t); text != "next\n" {
		t.Errorf("%q", text)
	}
}

// TestAbandonedLate: abandoning a program that has meanwhile ended does not abandon the next one of its supervisor.
func TestAbandonedLate(t *testing.T) {
	pool := &supervise.Pool{}
	first := start(t, pool, "exit 0", nil)
	first.end(t)
	next := start(t, pool, "echo here", nil)
	first.Abandon()
	if text, status := next.end(t); text != "here\n" || status != 0 {
		t.Errorf("%q, %v", text, status)
	}
}

func TestNotExecutable(t *testing.T) {
	path := filepath.Join(t.TempDir(), "text")
	if err := os.WriteFile(path, []byte("neither\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer null.Close()
	var pool supervise.Pool
	for range 2 {
		_, err = pool.Start(supervise.Spec{Program: f, Path: path, Argv: []string{path}, Dir: "/", Stdin: null, Stdout: null, Stderr: null})
		if err == nil || !strings.Contains(err.Error(), "exec format error") {
			t.Errorf("%v", err)
		}
	}
}
