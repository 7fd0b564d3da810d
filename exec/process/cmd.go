package process

import (
	"context"
	"io"
	"os"
	"time"

	"github.com/mythos-project/mythos/exec"
)

// Cmd is a program of a registration: about to be started, or running. The streams are
// set before it is started.
type Cmd struct {
	Stdin          io.Reader     // nil: nothing; an *os.File is passed on as it is
	Stdout, Stderr io.Writer     // nil: nobody reads it; an *os.File is passed on as it is
	Grace          time.Duration // how long it may go on after SIGINT when the context is cancelled; 0: it is killed at once
	Deadline       time.Duration // when its supervisor ends it even if we do not; 0: never

	runner *Runner
	ctx    context.Context //nolint:containedctx // it is the command's, as of os/exec
	call   exec.Call
	dir    string // the fresh folder
	own    *folders
	command
}

// Command is the program of a registration, with dir as its fresh folder. It is killed
// with everything that it started when ctx ends, or when Kill is called. It is for
// [Start] and [Wait].
func (r *Runner) Command(ctx context.Context, call exec.Call, dir string) *Cmd {
	return &Cmd{runner: r, ctx: ctx, call: call, dir: dir, own: &folders{}}
}

// Start starts a command, confined as its registration says. An error means that no code
// of the program has run.
func Start(cmd *Cmd, ref exec.ModuleRef, dir string) error {
	cmd.call.Module, cmd.dir = ref, dir
	return cmd.start()
}

// Disturbed reports that a file of the running program changed since it was checked: an
// error that wraps exec.ErrPinned.
func (c *Cmd) Disturbed() error { return c.disturbed() }

// Hold lets a running program hold the lock of an attempt that it works for, as Alive does
// for one that runs for a single call: the lock outlives the caller, until the program and
// its family have ended. drop ends that before. A nil lock is none.
func (c *Cmd) Hold(lock *os.File) (drop func(), err error) {
	if lock == nil {
		return func() {}, nil
	}
	return c.hold(lock)
}

// Wait waits for the program, and everything that it started, to end. Errors: an
// *ExitError when it did not succeed; one that wraps exec.ErrPinned when a file of it
// changed meanwhile; another when nobody knows how it ended.
func Wait(cmd *Cmd) error { return cmd.wait() }
