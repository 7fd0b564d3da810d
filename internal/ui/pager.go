package ui

import (
	"bytes"
	"errors"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"

	"golang.org/x/term"
)

// pagerStart is how much output is held back before the pager starts while the command still runs. Less output is held
// back until the database is closed, so that nobody else has to wait while a person reads.
const pagerStart = 4 << 20

// pager is Out while output may turn out to be longer than the screen.
type pager struct {
	out    io.Writer // the terminal
	height int
	quit   func() // called if the person leaves the pager before the end

	mu   sync.Mutex
	held bytes.Buffer
	cmd  *exec.Cmd
	in   io.WriteCloser
	gone bool
}

// Page shows everything that is written to Out from now on in a pager, if it is longer than the screen: MYTHOS_PAGER or
// else PAGER or else less. It does nothing if Out is not a terminal or the pager is "" or "cat". quit is called if the
// person leaves it before the end. EndPage must follow.
func (s *Streams) Page(quit func()) {
	if !s.OutTTY || pagerCommand() == "" {
		return
	}
	_, height, err := term.GetSize(int(os.Stdout.Fd()))
	if err != nil || height <= 0 {
		return
	}
	s.pager = &pager{out: s.Out, height: height, quit: quit}
	s.Out = s.pager
}

// EndPage shows what was held back, and waits until the person leaves the pager.
func (s *Streams) EndPage() {
	if s.pager == nil {
		return
	}
	s.Out = s.pager.out
	s.pager.end()
	s.pager = nil
}

// pagerCommand returns the person's choice; empty: none.
func pagerCommand() string {
	for _, name := range []string{"MYTHOS_PAGER", "PAGER"} {
		if v, ok := os.LookupEnv(name); ok {
			if v = strings.TrimSpace(v); v == "cat" {
				return ""
			}
			return v
		}
	}
	return "less"
}

// Write implements io.Writer.
func (p *pager) Write(data []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case p.gone:
		return len(data), nil
	case p.cmd != nil:
		if _, err := p.in.Write(data); err != nil {
			p.left()
		}
		return len(data), nil
	}
	p.held.Write(data)
	if p.held.Len() > pagerStart {
		p.start()
	}
	return len(data), nil
}

// start runs the pager and writes to it what was held back; if it cannot run, that goes to the terminal.
func (p *pager) start() {
	cmd := exec.Command("sh", "-c", pagerCommand())
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	cmd.Env = os.Environ()
	if os.Getenv("LESS") == "" {
		cmd.Env = append(cmd.Env, "LESS=FRX")
	}
	in, err := cmd.StdinPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		_, _ = p.out.Write(p.held.Bytes())
		p.held.Reset()
		return
	}
	p.cmd, p.in = cmd, in
	if _, err := in.Write(p.held.Bytes()); err != nil {
		p.left()
	}
	p.held.Reset()
}

// left records that the person has left.
func (p *pager) left() {
	p.gone = true
	if p.quit != nil {
		p.quit()
	}
}

func (p *pager) end() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.cmd == nil && bytes.Count(p.held.Bytes(), []byte("\n")) >= p.height {
		p.start()
	}
	if p.cmd == nil {
		_, _ = p.out.Write(p.held.Bytes())
		return
	}
	if err := p.in.Close(); err != nil && !errors.Is(err, syscall.EPIPE) {
		p.gone = true
	}
	_ = p.cmd.Wait() // how the person left it does not matter for the command
}
