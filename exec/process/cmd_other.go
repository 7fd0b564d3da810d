//go:build !linux

package process

import (
	"errors"
	"os"
	osexec "os/exec"

	"github.com/mythos-project/mythos/exec"
)

// command is the part of a Cmd for a system without supervisors: the program leads a process group, which is killed
// with it.
type command struct{ cmd *osexec.Cmd }

func (c *Cmd) start() error {
	ref := c.call.Module
	if ref.Confinement != exec.ConfineNone {
		return ErrConfinement
	}
	for _, f := range append([]exec.PinnedFile{{Path: ref.Argv[0], Hash: *ref.ModuleHash}}, ref.Files...) {
		file, err := c.runner.pins.open(c.call.Tool, f.Path, f.Hash, nil)
		if err != nil {
			return err
		}
		file.Close()
	}
	dir, err := c.runner.dirOf(ref, c.dir)
	if err != nil {
		return err
	}
	cmd := osexec.CommandContext(c.ctx, ref.Argv[0], ref.Argv[1:]...)
	cmd.Dir, cmd.Env, cmd.WaitDelay = dir, append(c.runner.environment(c.call, c.dir), c.own.environment()...), afterKill
	cmd.Stdin, cmd.Stdout, cmd.Stderr = c.Stdin, c.Stdout, c.Stderr
	ownGroup(cmd)
	cmd.Cancel = func() error { killGroup(cmd.Process.Pid); return cmd.Process.Kill() }
	c.cmd = cmd
	return cmd.Start()
}

// runnable accepts any file; the system decides whether it runs.
func runnable(*os.File) error { return nil }

// Kill kills the program and its group.
func (c *Cmd) Kill() {
	if c.cmd != nil && c.cmd.Process != nil {
		_ = c.cmd.Cancel() // it may have ended
	}
}

func (c *Cmd) wait() error {
	err := c.cmd.Wait()
	killGroup(c.cmd.Process.Pid)
	var exit *osexec.ExitError
	switch {
	case errors.Is(err, osexec.ErrWaitDelay) && c.cmd.ProcessState.Success():
		return nil
	case errors.As(err, &exit), errors.Is(err, osexec.ErrWaitDelay):
		return &ExitError{c.cmd.ProcessState.String(), signalOf(c.cmd.ProcessState)}
	}
	return err
}

// disturbed detects nothing on this system.
func (c *Cmd) disturbed() error { return nil }

// hold does nothing: a program cannot get a lock on this system.
func (c *Cmd) hold(*os.File) (drop func(), err error) { return func() {}, nil }
