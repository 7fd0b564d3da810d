package main

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// repository makes a repository in an empty folder, and returns the folder.
func repository(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	mustRun(t, dir, "init")
	return dir
}

func command(dir string, args ...string) *exec.Cmd {
	c := exec.Command("mythos", args...)
	c.Dir = dir
	return c
}

// outcome returns standard output, standard error and the exit code.
func outcome(t *testing.T, c *exec.Cmd) (out, errOut string, code int) {
	t.Helper()
	var o, e bytes.Buffer
	c.Stdout, c.Stderr = &o, &e
	var exit *exec.ExitError
	if err := c.Run(); err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return o.String(), e.String(), c.ProcessState.ExitCode()
}

func mustRun(t *testing.T, dir string, args ...string) string {
	t.Helper()
	out, errOut, code := outcome(t, command(dir, args...))
	if code != 0 {
		t.Fatalf("mythos %s: exit code %d\n%s%s", strings.Join(args, " "), code, out, errOut)
	}
	return out
}

// writeFile makes a file of random bytes, the same for the same seed.
func writeFile(t *testing.T, name string, seed uint64, size int) []byte {
	t.Helper()
	data := make([]byte, size)
	r := rand.NewChaCha8([32]byte{byte(seed), byte(seed >> 8), byte(seed >> 16)})
	r.Read(data)
	if err := os.WriteFile(name, data, 0o600); err != nil {
		t.Fatal(err)
	}
	return data
}

// kills returns how many processes TestKilledPuts kills: `make crash` asks for 200.
func kills(t *testing.T) int {
	text := os.Getenv("MYTHOS_KILLS")
	if text == "" {
		return 24
	}
	n, err := strconv.Atoi(text)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// crash stores files with commands that are killed, and remembers what was acknowledged.
type crash struct {
	t     *testing.T
	dir   string
	acked map[string][]byte // by cid
	kills int               // processes that were killed before they ended
	ended int
	took  time.Duration // how long a put takes that is not killed
}

// No acknowledged blob is lost or damaged, whenever `blob put` is killed (kill -9), alone or together with another put,
// a collection or a server that is also killed.
func TestKilledPuts(t *testing.T) {
	t.Parallel()
	c := &crash{t: t, dir: repository(t), acked: map[string][]byte{}}
	first := writeFile(t, filepath.Join(c.dir, "first"), 1<<21, 3<<20)
	start := time.Now()
	c.acked[strings.TrimSpace(mustRun(t, c.dir, "blob", "put", "--chunk-size", "256KiB", "first"))] = first
	c.took = 5 * time.Since(start) / 4
	want := kills(t)
	for round := 0; c.kills < want; round++ {
		if round > 20*want {
			t.Fatalf("only %d of %d puts could be killed", c.kills, c.ended+c.kills)
		}
		c.round(round)
		if round%25 == 24 {
			mustRun(t, c.dir, "fsck")
		}
	}
	for cid, data := range c.acked {
		if got := mustRun(t, c.dir, "blob", "get", cid); got != string(data) {
			t.Errorf("blob %s comes back with %d bytes, not %d", cid, len(got), len(data))
		}
	}
	if out := mustRun(t, c.dir, "fsck"); out != "" {
		t.Error(out)
	}
	c.everythingCanGo()
	t.Logf("%d puts were killed, %d ended; %d blobs were acknowledged", c.kills, c.ended, len(c.acked))
}

// round stores some files, and kills the command at a random point.
func (c *crash) round(round int) {
	beside := c.beside(round)
	var names []string
	files := map[int][]byte{}
	sizes := [][]int{{3 << 20}, {10_000, 9_000, 300_000, 8_000, 70_000}, {100}, {700_000, 1}}[round%4]
	for i, size := range sizes {
		names = append(names, fmt.Sprintf("f%d", i))
		files[i] = writeFile(c.t, filepath.Join(c.dir, names[i]), uint64(round<<3+i), size)
	}
	cmd := command(c.dir, append([]string{"blob", "put", "--chunk-size", "256KiB"}, names...)...)
	var out bytes.Buffer
	cmd.Stdout = &out
	start := time.Now()
	if err := cmd.Start(); err != nil {
		c.t.Fatal(err)
	}
	timer := time.AfterFunc(time.Duration(rand.Int64N(int64(c.took))), func() {
		_ = cmd.Process.Kill() // it may have ended
	})
	err := cmd.Wait()
	timer.Stop()
	for _, p := range beside {
		_ = p.Process.Kill()
		_ = p.Wait() // killed, or ended by itself
	}
	switch status := cmd.ProcessState.Sys().(syscall.WaitStatus); {
	case status.Signaled():
		c.kills++
	case err != nil:
		c.t.Fatalf("round %d: a put that was not killed: %v", round, err)
	default:
		c.ended++
		c.took = (3*c.took + 5*time.Since(start)/4) / 4
	}
	for i, line := range strings.SplitAfter(out.String(), "\n") {
		if cid, whole := strings.CutSuffix(line, "\n"); whole {
			c.acked[cid] = files[i]
		}
	}
}

// beside starts processes that run at the same time.
func (c *crash) beside(round int) (list []*exec.Cmd) {
	switch round % 6 {
	case 1:
		list = append(list, command(c.dir, "gc"))
	case 3:
		list = append(list, command(c.dir, "serve", "--listen", "127.0.0.1:0"))
	case 5:
		writeFile(c.t, filepath.Join(c.dir, "beside"), uint64(1<<20+round), 2<<20)
		list = append(list, command(c.dir, "blob", "put", "beside"))
	}
	for _, cmd := range list {
		if err := cmd.Start(); err != nil {
			c.t.Fatal(err)
		}
	}
	return list
}

// everythingCanGo removes all blobs: a collection leaves nothing of them, and of what the killed puts left only what is
// still in its grace period.
func (c *crash) everythingCanGo() {
	c.t.Helper()
	for _, line := range strings.Split(strings.TrimSpace(mustRun(c.t, c.dir, "blob", "ls", "--json")), "\n") {
		_, rest, found := strings.Cut(line, `"cid":"`)
		if !found { // nothing was acknowledged
			continue
		}
		mustRun(c.t, c.dir, "blob", "rm", rest[:64])
	}
	time.Sleep(20 * time.Millisecond) // the file system's clock
	mustRun(c.t, c.dir, "gc")
	left, err := filepath.Glob(filepath.Join(c.dir, ".mythos", "chunks", "??", "*"))
	if err != nil || len(left) > 0 {
		c.t.Errorf("%d chunks are left, such as %v: %v", len(left), left[:min(3, len(left))], err)
	}
	unfinished, err := os.ReadDir(filepath.Join(c.dir, ".mythos", "chunks", "tmp"))
	if err != nil || len(unfinished) > 0 {
		c.t.Errorf("%d folders of unfinished puts are left: %v", len(unfinished), err)
	}
}
