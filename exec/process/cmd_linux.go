package process

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"sync"
	"syscall"
	"time"

	"github.com/mythos-project/mythos/exec"
	"github.com/mythos-project/mythos/internal/supervise"
)

// command is the part of a Cmd for this system.
type command struct {
	theirs  []*os.File // the program's ends of pipes, to close after it has them
	ours    []*os.File // our ends for reading
	copies  sync.WaitGroup
	feed    func() // writes the standard input
	loaded  *loaded
	process *supervise.Process
	unwatch func() bool

	mu     sync.Mutex
	killed *time.Timer // gives up on a program that survives being killed
}

func (c *Cmd) start() (err error) {
	defer func() {
		for _, f := range c.theirs {
			f.Close()
		}
		if err != nil {
			c.end()
		}
	}()
	if c.loaded, err = c.runner.load(c.call); err != nil {
		return err
	}
	dir, err := c.runner.dirOf(c.call.Module, c.dir)
	if err != nil {
		return err
	}
	if _, err := os.Stat(dir); err != nil {
		return fmt.Errorf("the folder to run in: %w", err)
	}
	s := supervise.Spec{
		Program: c.loaded.program, Path: c.loaded.path, Argv: c.loaded.argv, Files: c.loaded.files,
		Env: append(c.runner.environment(c.call, c.dir), c.own.environment()...), Dir: dir, Alive: c.call.Alive, Deadline: c.Deadline,
		Confine: c.call.Module.Confinement == exec.ConfineLandlock,
		Read:    slices.Concat(c.loaded.reads, c.call.Module.Read, c.own.reads()),
		Write:   slices.Concat([]string{c.dir}, c.call.Module.Write, c.own.writes()),
	}
	if s.Stdin, s.Stdout, s.Stderr, err = c.streams(); err != nil {
		return err
	}
	if errors.Is(c.ctx.Err(), context.Canceled) { // a timeout counts as the program's, even if it started late
		return c.ctx.Err()
	}
	c.mu.Lock() // a reader of the output may want to kill the program before it is known here
	c.process, err = c.runner.pool.Start(s)
	c.mu.Unlock()
	if err != nil {
		return err
	}
	if c.loaded.watch.disturbed() != nil {
		c.Kill() // Wait says why
	}
	if c.feed != nil {
		c.copies.Go(c.feed)
	}
	c.unwatch = context.AfterFunc(c.ctx, c.stopped)
	return nil
}

// streams are the program's three descriptors.
func (c *Cmd) streams() (in, out, stderr *os.File, err error) {
	if in, err = c.source(); err != nil {
		return nil, nil, nil, err
	}
	if out, err = c.drain(c.Stdout); err != nil {
		return nil, nil, nil, err
	}
	stderr, err = c.drain(c.Stderr)
	return in, out, stderr, err
}

// source is the program's standard input.
func (c *Cmd) source() (*os.File, error) {
	if f, ok := c.Stdin.(*os.File); ok {
		return f, nil
	}
	if c.Stdin == nil {
		null, err := os.Open(os.DevNull)
		c.theirs = append(c.theirs, null)
		return null, err
	}
	r, w, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	c.theirs = append(c.theirs, r)
	c.feed = func() {
		_, _ = io.Copy(w, c.Stdin) // a program need not read its input
		_ = w.Close()
	}
	return r, nil
}

// drain copies the program's output to w.
func (c *Cmd) drain(w io.Writer) (*os.File, error) {
	if f, ok := w.(*os.File); ok {
		return f, nil
	}
	if w == nil {
		null, err := os.OpenFile(os.DevNull, os.O_WRONLY, 0)
		c.theirs = append(c.theirs, null)
		return null, err
	}
	r, end, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	c.theirs, c.ours = append(c.theirs, end), append(c.ours, r)
	c.copies.Go(func() {
		_, _ = io.Copy(w, r) // the reader itself reports that it has enough
		_ = r.Close()
	})
	return end, nil
}

// stopped ends a program after its context has ended.
func (c *Cmd) stopped() {
	if c.Grace == 0 || !errors.Is(c.ctx.Err(), context.Canceled) {
		c.Kill()
		return
	}
	c.process.Signal(syscall.SIGINT)
	time.AfterFunc(c.Grace, c.Kill)
}

// Kill kills the program and everything that it started.
func (c *Cmd) Kill() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.process == nil || c.killed != nil {
		return
	}
	c.process.Kill()
	c.killed = time.AfterFunc(2*afterKill+time.Second, c.process.Abandon)
}

func (c *Cmd) wait() error {
	status, err := c.process.Wait()
	c.unwatch()
	c.mu.Lock()
	if c.killed != nil {
		c.killed.Stop()
	}
	c.mu.Unlock()
	slow := time.AfterFunc(afterKill, func() { // a process of another user may hold the pipes
		for _, f := range c.ours {
			f.Close()
		}
	})
	c.copies.Wait()
	slow.Stop()
	changed := c.loaded.watch.disturbed()
	c.end()
	switch {
	case changed != nil:
		return changed
	case err != nil && !errors.Is(err, supervise.ErrLeft):
		return err
	case status.Signaled():
		return &ExitError{"signal: " + status.Signal().String(), status.Signal()}
	case status != 0:
		return &ExitError{State: fmt.Sprintf("exit status %d", status.ExitStatus())}
	}
	return nil
}

func (c *Cmd) disturbed() error { return c.loaded.watch.disturbed() }

func (c *Cmd) hold(lock *os.File) (drop func(), err error) { return c.process.Hold(lock) }

// end closes everything that the command still has open.
func (c *Cmd) end() {
	for _, f := range c.ours {
		_ = f.Close() // the copier may have closed it
	}
	if c.loaded != nil {
		c.loaded.close()
	}
}
