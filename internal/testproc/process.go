//go:build unix

package testproc

import (
	"bytes"
	"errors"
	"fmt"
	osexec "os/exec"
	"path/filepath"
	"runtime"
	"syscall"
	"time"
)

// Process is a running server.
type Process struct {
	cmd  *osexec.Cmd
	end  syscall.Signal
	log  bytes.Buffer
	done chan error
}

// starting is how long a server may take until it is ready.
const starting = 2 * time.Minute

// Start starts a server in its own process group, and returns once ready returns no error. The signal end stops the
// server.
func Start(cmd *osexec.Cmd, end syscall.Signal, ready func() error) (*Process, error) {
	p := &Process{cmd: cmd, end: end, done: make(chan error, 1)}
	if cmd.SysProcAttr == nil {
		cmd.SysProcAttr = &syscall.SysProcAttr{}
	}
	cmd.SysProcAttr.Setpgid = true
	dieWithUs(cmd.SysProcAttr, end)
	cmd.Stdout, cmd.Stderr = &p.log, &p.log
	started := make(chan error)
	go func() { // the server ends when this thread does
		runtime.LockOSThread()
		err := cmd.Start()
		started <- err
		if err == nil {
			p.done <- cmd.Wait()
		}
	}()
	if err := <-started; err != nil {
		return nil, err
	}
	for deadline := time.Now().Add(starting); ; time.Sleep(10 * time.Millisecond) {
		select {
		case err := <-p.done:
			return nil, fmt.Errorf("%s ended: %w: %s", filepath.Base(cmd.Path), err, p.log.Bytes())
		default:
		}
		err := ready()
		if err == nil {
			return p, nil
		}
		if time.Now().After(deadline) {
			p.Stop()
			return nil, errors.Join(fmt.Errorf("%s: %w", filepath.Base(cmd.Path), err), errors.New(p.log.String()))
		}
	}
}

// Stop stops the server, if it has not ended yet, and waits for its end.
func (p *Process) Stop() {
	_ = p.cmd.Process.Signal(p.end)
	p.done <- <-p.done
}

// Pid returns the process's id.
func (p *Process) Pid() int { return p.cmd.Process.Pid }
