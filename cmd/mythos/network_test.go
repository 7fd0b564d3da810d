package main

import (
	"bytes"
	"fmt"
	"os"
	osexec "os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// site is a repository with the process that serves it, for tests over a network.
type site struct {
	t    *testing.T
	name string
	dir  string
	key  string // public key
	env  []string
	in   []string // what its commands are run with: ip netns exec NAME; empty: as they are
	url  string   // where it serves
	cmd  *osexec.Cmd
	log  *logBuffer
}

// sites makes repositories that all trust each other.
func sites(t *testing.T, names ...string) []*site {
	t.Helper()
	root := t.TempDir()
	env := append(os.Environ(), "HOME="+root, "XDG_CACHE_HOME="+filepath.Join(root, ".cache"), "MYTHOS_BUSY=1m")
	var all []*site
	for _, name := range names {
		s := &site{t: t, name: name, dir: filepath.Join(root, name), env: env}
		if err := os.Mkdir(s.dir, 0o700); err != nil {
			t.Fatal(err)
		}
		s.run("init")
		s.key = strings.TrimSpace(s.run("key", "export"))
		all = append(all, s)
	}
	for _, s := range all {
		for _, other := range all {
			if other != s {
				s.run("trust", "add", other.key, "--name", other.name, "--for", "packet,tool,ledger,blob")
			}
		}
	}
	return all
}

// command returns a mythos command of this site, to be run where the site is.
func (s *site) command(args ...string) *osexec.Cmd {
	argv := append(append([]string{}, s.in...), append([]string{"mythos"}, args...)...)
	c := osexec.Command(argv[0], argv[1:]...)
	c.Dir, c.Env = s.dir, s.env
	return c
}

// run runs a command that must succeed, and returns its output. A failure does not end the test, so that it can be
// called from any goroutine.
func (s *site) run(args ...string) string {
	s.t.Helper()
	out, errOut, code := s.try(args...)
	if code != 0 {
		s.t.Errorf("%s: mythos %s: exit code %d\n%s%s", s.name, strings.Join(args, " "), code, out, errOut)
	}
	return out
}

func (s *site) try(args ...string) (out, errOut string, code int) {
	s.t.Helper()
	return outcome(s.t, s.command(args...))
}

var servesOn = regexp.MustCompile(`serves on (\S+)`)

// serve starts the server and waits until it reports its address. The end of the test stops it, and it must end
// cleanly.
func (s *site) serve(args ...string) {
	s.t.Helper()
	s.log = &logBuffer{}
	s.cmd = s.command(append([]string{"serve"}, args...)...)
	s.cmd.Stderr = s.log
	if err := s.cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	cmd, log := s.cmd, s.log
	s.t.Cleanup(func() {
		if s.cmd != cmd { // killed, or restarted
			return
		}
		if err := cmd.Process.Signal(os.Interrupt); err != nil {
			s.t.Error(err)
		}
		if err := cmd.Wait(); err != nil {
			s.t.Errorf("%s: serve: %v\n%s", s.name, err, log)
		}
	})
	waitFor(s.t, func() bool {
		found := servesOn.FindStringSubmatch(log.String())
		if found != nil {
			s.url = found[1]
		}
		return found != nil
	}, log)
}

// kill ends the server like a power failure.
func (s *site) kill() {
	s.t.Helper()
	cmd := s.cmd
	s.cmd = nil
	if err := cmd.Process.Signal(syscall.SIGKILL); err != nil {
		s.t.Fatal(err)
	}
	_ = cmd.Wait() // it was killed
}

// waitFor waits for a condition, with a limit that is reached only if something is wrong.
func waitFor(t *testing.T, holds func() bool, log fmt.Stringer) {
	t.Helper()
	for deadline := time.Now().Add(3 * time.Minute); !holds(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("it does not happen: %s", log)
		}
	}
}

// blob stores a blob of random bytes and returns its bytes and cid.
func (s *site) blob(seed uint64, size int) ([]byte, string) {
	s.t.Helper()
	name := fmt.Sprintf("blob-%d", seed)
	data := writeFile(s.t, filepath.Join(s.dir, name), seed, size)
	return data, strings.TrimSpace(s.run("blob", "put", name))
}

// capFor exports a capability to read an object to a file, for another site.
func (s *site) capFor(other *site, cid string) string {
	s.t.Helper()
	return s.capOf(other, "blob.read:"+cid)
}

// capOf issues a capability to another site, and returns the file that contains it.
func (s *site) capOf(other *site, scope string) string {
	s.t.Helper()
	id := strings.TrimSpace(s.run("-q", "cap", "issue", "--to", other.key, "--scope", scope, "--ttl", "1h"))
	name := filepath.Join(other.dir, id[:12]+"-"+s.name+".cap")
	if err := os.WriteFile(name, []byte(s.run("cap", "export", id)), 0o600); err != nil {
		s.t.Fatal(err)
	}
	return name
}

// bundle assembles a program that returns the text.
func (s *site) bundle(text string) string {
	s.t.Helper()
	name := filepath.Join(s.dir, strings.ReplaceAll(text, " ", "-"))
	program := fmt.Sprintf(".const a text %q\n.task #\"sym:main\" () budget { cpu 50000, io 10, writes 10 }\n\n\tconst r0, $a\n\tret r0\n", text)
	if err := os.WriteFile(name+".mir", []byte(program), 0o600); err != nil {
		s.t.Fatal(err)
	}
	s.run("asm", name+".mir", "-o", name+".bundle")
	return name + ".bundle"
}

// has reports whether the site has all of a blob, and fails if it has other bytes.
func (s *site) has(cid string, want []byte) bool {
	s.t.Helper()
	out, _, code := s.try("blob", "get", cid)
	if code == 0 && out != string(want) {
		s.t.Errorf("%s gives other bytes for %s", s.name, cid)
	}
	return code == 0
}

// sound fails if fsck finds something wrong in the repository.
func (s *site) sound() {
	s.t.Helper()
	s.run("fsck")
	s.run("ledger", "verify")
}

// together runs all jobs concurrently, and waits.
func together(jobs ...func()) {
	var wg sync.WaitGroup
	for _, job := range jobs {
		wg.Go(job)
	}
	wg.Wait()
}

// logBuffer is a buffer that a process writes and a test reads.
type logBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

// Write implements io.Writer.
func (l *logBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *logBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}
