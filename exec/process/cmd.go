package process

import (
	"context"
	"io"
	"os"
	"time"

	"github.com/mythos-project/mythos/exec"
)

// Cmd is a program of a registration, ready to start or running. Set the streams before starting it.
type Cmd struct {
	Stdin          io.Reader     // nil: empty; an *os.File is passed on as it is
	Stdout, Stderr io.Writer     // nil: discarded; an *os.File is passed on as it is
	Grace          time.Duration // how long it may continue after SIGINT when the context is cancelled; 0: it is killed at once
	Deadline       time.Duration // when its supervisor ends it even if this process does not; 0: never

	runner *Runner
	ctx    context.Context //nolint:containedctx // it is the command's, as of os/exec
	call   exec.Call
	dir    string // the fresh folder
	own    *folders
	command
}

// Command is the program of a registration, with dir as its fresh folder. It is killed with everything that it started
// when ctx ends or Kill is called. Use it with [Start] and [Wait].
func (r *Runner) Command(ctx context.Context, call exec.Call, dir string) *Cmd {
	return &Cmd{runner: r, ctx: ctx, call: call, dir: dir, own: &folders{}}
}

// Start starts a command, confined as its registration says. An error means that no code of the program has run.
func Start(cmd *Cmd, ref exec.ModuleRef, dir string) error {
	cmd.call.Module, cmd.dir = ref, dir
	return cmd.start()
}

// Disturbed reports whether a file of the running program has changed since it was checked, by an error that wraps
// exec.ErrPinned.
func (c *Cmd) Disturbed() error { return c.disturbed() }

// Hold lets a running program hold the lock of an attempt for which it works, as Alive does for a program that runs for
// a single call: the lock outlives the caller, until the program and its descendants have ended. drop ends that
// earlier. A nil lock has no effect.
func (c *Cmd) Hold(lock *os.File) (drop func(), err error) {
	if lock == nil {
		return func() {}, nil
	}
	return c.hold(lock)
}

// Wait waits for the program, and everything that it started, to end. Errors: an *ExitError if it did not succeed; one
// that wraps exec.ErrPinned if a file of it changed meanwhile; another one if nobody knows how it ended.
func Wait(cmd *Cmd) error { return cmd.wait() }
