// Package process runs tools that are programs of this machine (spec/tools.md#registration).
//
// The program is started without a shell. The request is its standard input, its standard output the response. Standard
// error is separate: its last bytes become the receipt's notes. The environment holds the variables that the
// registration names, and:
//
//	MYTHOS_IDEMPOTENCY_KEY  the effect's key in hex, when it has one
//	MYTHOS_FENCE            a decimal number that rises with every attempt at the same key
//
// A program runs in a fresh, empty folder that is removed afterwards, or where its registration says: an unconfined one
// in the folder of its caller. A program that runs for a peer has no caller, and gets the fresh folder.
//
// A tool that takes a tree finds its files in the folder MYTHOS_IN, which it may only read. For a tool that gives a
// tree, the content of the folder MYTHOS_OUT becomes the response (spec/tools.md#trees).
//
// When the program ends, or takes too long, or answers too much, everything that it started is killed, even processes
// that left its process group or session, and even if this process itself is killed ([supervise]). When the caller
// gives up, the program gets SIGINT and is killed a little later. Exit code 0 is status 200, any other 500, a response
// beyond the limit 502 and the timeout 504. A last line "used tokens=N gpu_ms=N" on standard error says what the
// program used.
//
// Only hashed bytes run. The program is executed through the descriptor through which it was hashed; a change of the
// file meanwhile is noticed. A file whose bytes differ from the registered ones is refused ([exec.ErrPinned]).
//
// A registration is either "unconfined" or confined to the paths that it names, without sockets, signals, or anything
// else that acts outside (spec/tools.md#confinement-of-a-process). If the kernel cannot do that, the call is refused
// ([ErrConfinement]).
package process

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"syscall"
	"time"

	"github.com/mythos-project/mythos/exec"
	"github.com/mythos-project/mythos/exec/output"
	"github.com/mythos-project/mythos/internal/supervise"
)

// ErrConfinement means that this machine cannot confine a program as its registration requires.
var ErrConfinement = supervise.ErrConfinement

const (
	afterKill = 2 * time.Second // how long Wait waits for a killed program's pipes to close
	grace     = 3 * time.Second // how long an interrupted program may take to end
)

// Runner runs process tools. The zero Runner is ready to use. It is safe for
// concurrent use.
type Runner struct {
	// Dir is where working directories are made; empty: the system's default.
	Dir string
	// Lookup reads the variables in a registration; nil: os.LookupEnv.
	Lookup func(name string) (string, bool)
	// Peers says that tools run for peers, not for the user who started this process: in fresh folders, and without a
	// caller's variables.
	Peers bool
	// Trees stores folders that tools take and give; nil: such tools do not start.
	Trees Trees

	pins pins
	pool supervise.Pool
}

var (
	_ exec.Runner   = (*Runner)(nil)
	_ exec.Preparer = (*Runner)(nil)
)

// Confinable reports whether this machine can run tools registered as "landlock": nil,
// or an error that wraps ErrConfinement.
func Confinable() error { return supervise.Confinable() }

// Lacking describes what a confined program can still do on this machine because its kernel is too old to forbid it.
func Lacking() []string { return supervise.Lacking() }

// Prepare refuses a binary that changed and a confinement that is not possible.
func (r *Runner) Prepare(_ context.Context, call exec.Call) error {
	ref := call.Module
	if ref.Kind != exec.KindProcess {
		return fmt.Errorf("process runner: the tool is of kind %s", exec.KindName(ref.Kind))
	}
	if ref.TakesTree {
		if _, err := treeOf(call.Request); err != nil {
			return err
		}
	}
	return r.Check(call)
}

// Soon says that a program is going to be checked and started: what it takes to start one is
// made ready beside that.
func (r *Runner) Soon() { r.pool.Ready() }

// Check refuses changed files and an impossible confinement, for any tool that is a program. A missing file is not a
// refusal: the program does not start.
func (r *Runner) Check(call exec.Call) error {
	if call.Module.Confinement != exec.ConfineNone {
		if err := Confinable(); err != nil {
			return err
		}
	}
	for _, f := range append([]exec.PinnedFile{{Path: call.Module.Argv[0], Hash: *call.Module.ModuleHash}}, call.Module.Files...) {
		file, err := r.pins.open(call.Tool, f.Path, f.Hash, nil)
		var changed *exec.PinnedError
		if errors.As(err, &changed) {
			return err
		}
		if err == nil {
			file.Close()
		}
	}
	return nil
}

// Run starts the program and waits for it.
func (r *Runner) Run(ctx context.Context, call exec.Call) (exec.Response, error) {
	ref := call.Module
	if err := r.Prepare(ctx, call); err != nil {
		return exec.Response{}, exec.NotStarted(err)
	}
	dir, err := os.MkdirTemp(r.Dir, "mythos-tool-")
	if err != nil {
		return exec.Response{}, exec.NotStarted(fmt.Errorf("working directory: %w", err))
	}
	defer os.RemoveAll(dir)
	own, err := r.folders(ctx, call)
	if err != nil {
		return exec.Response{}, exec.NotStarted(err)
	}
	defer own.remove()
	limited, cancel := context.WithTimeout(ctx, call.Limits.Timeout)
	defer cancel()
	p := r.prepare(limited, call, dir)
	p.cmd.own = own
	if err := Start(p.cmd, ref, dir); err != nil {
		err = fmt.Errorf("start %s: %w", ref.Argv[0], err)
		if errors.Is(err, supervise.ErrUnknown) {
			return exec.Response{}, err
		}
		return exec.Response{}, exec.NotStarted(err)
	}
	call.Started()
	err = Wait(p.cmd)
	if ctx.Err() != nil {
		return exec.Response{}, fmt.Errorf("%s was stopped: %w", ref.Argv[0], ctx.Err())
	}
	res, err := p.response(err, limited.Err() != nil, call)
	if err != nil {
		return res, err
	}
	res.Use = output.Reported(p.stderr.Bytes)
	return own.answer(ctx, r.Trees, res)
}

// run is one started program and its two outputs.
type run struct {
	cmd    *Cmd
	stdout output.Head
	stderr output.Tail
	hide   func(string) string
}

func (r *Runner) prepare(ctx context.Context, call exec.Call, dir string) *run {
	p := &run{
		cmd:    r.Command(ctx, call, dir),
		stdout: output.Head{Limit: call.Limits.MaxResponse},
		stderr: output.Tail{Limit: int(call.Limits.MaxStderr)},
		hide:   r.Hiding(call.Module),
	}
	p.stdout.Full = p.cmd.Kill
	p.cmd.Grace, p.cmd.Deadline = grace, call.Limits.Timeout+grace
	p.cmd.Stdin, p.cmd.Stdout, p.cmd.Stderr = bytes.NewReader(call.Request), output.Also(&p.stdout, call.Stdout), output.Also(&p.stderr, call.Stderr)
	if call.Module.GivesTree {
		p.cmd.Stdout = p.cmd.Stderr // the response is a folder
	}
	return p
}

// response is the result of an ended program.
func (p *run) response(err error, stopped bool, call exec.Call) (exec.Response, error) {
	note := func(reason string) string {
		return p.hide(p.stderr.Note(reason) + advice(call.Module, string(p.stderr.Bytes)))
	}
	var exit *ExitError
	switch {
	case errors.Is(err, exec.ErrPinned):
		return exec.Response{}, err
	case p.stdout.Over:
		return exec.Response{Status: exec.StatusResponseTooBig, Notes: fmt.Sprintf("response exceeds %d bytes", p.stdout.Limit)}, nil
	case stopped:
		return exec.Response{Status: exec.StatusTimeout, Notes: note("took too long")}, nil
	case err == nil:
		return exec.Response{Body: p.stdout.Bytes, Status: exec.StatusOK, Notes: p.hide(p.stderr.Note(""))}, nil
	case errors.As(err, &exit):
		return exec.Response{Body: p.stdout.Bytes, Status: exec.StatusFailed, Notes: note(exit.Error()), Exit: exit.Status()}, nil
	}
	return exec.Response{}, fmt.Errorf("wait for %s: %w", call.Module.Argv[0], err)
}

// ExitError is a program that did not succeed.
type ExitError struct {
	State  string         // "exit status 3", "signal: killed"
	Signal syscall.Signal // the signal that ended it; 0: none
}

// Status is the exit status of a program that ended by itself; otherwise 0.
func (e *ExitError) Status() int {
	var n int
	if _, err := fmt.Sscanf(e.State, "exit status %d", &n); err != nil {
		return 0
	}
	return n
}

// Code is the exit status as in a shell: after a signal, 128 and its number.
func (e *ExitError) Code() int {
	if n := e.Status(); n != 0 {
		return n
	}
	return 128 + int(e.Signal)
}

func (e *ExitError) Error() string { return e.State }
