package main

import (
	"bytes"
	"errors"
	"os"
	osexec "os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/creack/pty"
	"golang.org/x/sys/unix"
)

// dialogue is a mythos process on a terminal that the test answers.
type dialogue struct {
	t    *testing.T
	cmd  *osexec.Cmd
	tty  *os.File
	done chan struct{} // closed when the terminal ended

	mu     sync.Mutex
	screen bytes.Buffer
}

func converse(t *testing.T, dir string, args ...string) *dialogue {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := osexec.CommandContext(t.Context(), self, args...)
	cmd.Args[0], cmd.Dir = "mythos", dir
	cmd.Env = []string{"TESTSCRIPT_COMMAND=mythos", "TERM=xterm", "NO_COLOR=1", "HOME=" + dir, "XDG_CACHE_HOME=" + filepath.Join(dir, ".cache")}
	tty, err := pty.Start(cmd)
	if errors.Is(err, os.ErrPermission) || errors.Is(err, os.ErrNotExist) {
		t.Skip("no terminals here: ", err)
	}
	if err != nil {
		t.Fatal(err)
	}
	d := &dialogue{t: t, cmd: cmd, tty: tty, done: make(chan struct{})}
	t.Cleanup(func() { tty.Close() })
	go d.read()
	return d
}

func (d *dialogue) read() {
	defer close(d.done)
	buf := make([]byte, 4<<10)
	for {
		n, err := d.tty.Read(buf)
		d.mu.Lock()
		d.screen.Write(buf[:n])
		d.mu.Unlock()
		if err != nil { // EIO is how a terminal ends
			return
		}
	}
}

func (d *dialogue) shown() string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.screen.String()
}

// answer types a line when the prompt is shown and echo is off.
func (d *dialogue) answer(prompt, line string) {
	d.t.Helper()
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(5 * time.Millisecond) {
		mode, err := unix.IoctlGetTermios(int(d.tty.Fd()), unix.TCGETS)
		if err != nil {
			d.t.Fatal(err)
		}
		if strings.HasSuffix(d.shown(), prompt) && mode.Lflag&unix.ECHO == 0 {
			break
		}
		if time.Now().After(deadline) {
			d.t.Fatalf("never asked %q without an echo: %q", prompt, d.shown())
		}
	}
	if _, err := d.tty.WriteString(line + "\n"); err != nil {
		d.t.Fatal(err)
	}
}

// end waits for the command, and returns its screen and exit code.
func (d *dialogue) end() (screen string, code int) {
	d.t.Helper()
	<-d.done
	_ = d.cmd.Wait() // the exit code says it
	return d.shown(), d.cmd.ProcessState.ExitCode()
}

// TestPassphraseOnATerminal makes a protected key by answering on a terminal, and opens it: typed text is not shown,
// and a wrong or mistyped passphrase is refused.
func TestPassphraseOnATerminal(t *testing.T) {
	t.Parallel()
	const phrase, other = "correct horse battery", "incorrect horse"
	dir := t.TempDir()
	must(t, dir, "-q", "init")
	gen := func(again string) (string, int) {
		d := converse(t, dir, "key", "gen", "deployer", "--passphrase")
		d.answer("New passphrase: ", phrase)
		d.answer("The same again: ", again)
		return d.end()
	}
	remove := func(answer string) (string, int) {
		d := converse(t, dir, "key", "protect", "deployer", "--remove")
		d.answer("Passphrase: ", answer)
		return d.end()
	}
	for _, step := range []struct {
		name   string
		act    func(string) (string, int)
		answer string
		ok     bool
	}{
		{"mistyped", gen, other, false},
		{"made", gen, phrase, true},
		{"wrong", remove, other, false},
		{"opened", remove, phrase, true},
	} {
		screen, code := step.act(step.answer)
		if (code == 0) != step.ok {
			t.Fatalf("%s: exit code %d: %s", step.name, code, screen)
		}
		if strings.Contains(screen, phrase) || strings.Contains(screen, other) {
			t.Errorf("%s: what was typed shows: %q", step.name, screen)
		}
		if !step.ok && !strings.Contains(screen, "passphrase") {
			t.Errorf("%s: the error does not say why: %q", step.name, screen)
		}
	}
}
