// Package process runs tools that are programs of this machine (spec/tools.md#registration).
//
// The program is started from an absolute path with its arguments, without a
// shell. The request is its standard input, its standard output the response.
// Standard error is kept apart: its last bytes become the receipt's notes when
// the program fails. The environment holds the variables that the registration
// names, and:
//
//	MYTHOS_IDEMPOTENCY_KEY  the effect's key in hex, when it has one
//	MYTHOS_FENCE            a decimal number that rises with every attempt at the same key
//
// The working directory is fresh, empty and removed afterwards. When the program
// ends, or takes too long, or answers too much, its whole process group is
// killed. Exit code 0 is status 200, any other 500, a response beyond the limit
// 502 and the timeout 504. A last line "used tokens=N gpu_ms=N" on standard error says
// what the program used.
//
// A binary whose bytes are no longer those that were registered is refused
// ([exec.ErrPinned]). A binary is hashed again only when its size, modification
// time, inode or change time differ from when it was last hashed.
//
// A registration is either "unconfined" or confined by Landlock to the paths
// that it names, without any socket (seccomp); where the kernel cannot do that, it is
// refused ([ErrConfinement]).
package process

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	osexec "os/exec"
	"strconv"
	"time"

	"github.com/mythos-project/mythos/exec"
)

// ErrConfinement means that this machine cannot confine a program as its
// registration says.
var ErrConfinement = errors.New("this kernel cannot confine the tool as registered")

// afterKill is how long Run waits for the pipes of a killed group to close.
const afterKill = 2 * time.Second

// Runner runs process tools. The zero Runner is ready to use. It is safe for
// concurrent use.
type Runner struct {
	// Dir is where working directories are made; empty is the system's.
	Dir string
	// Lookup finds the variables that a registration names; nil is os.LookupEnv.
	Lookup func(name string) (string, bool)

	pins pins
}

var (
	_ exec.Runner   = (*Runner)(nil)
	_ exec.Preparer = (*Runner)(nil)
)

// Prepare refuses a binary that changed and a confinement that cannot be had.
func (r *Runner) Prepare(_ context.Context, call exec.Call) error {
	ref := call.Module
	if ref.Kind != exec.KindProcess {
		return fmt.Errorf("process runner: the tool is of kind %s", exec.KindName(ref.Kind))
	}
	return r.Check(call)
}

// Check refuses a binary that changed and a confinement that cannot be had, of any
// tool that is a program.
func (r *Runner) Check(call exec.Call) error {
	if call.Module.Confinement != exec.ConfineNone {
		if err := Confinable(); err != nil {
			return err
		}
	}
	return r.pins.check(call.Tool, call.Module.Argv[0], *call.Module.ModuleHash)
}

// Command is the program of a registration in the working directory dir, in a
// process group of its own that is killed when ctx ends. It has no streams yet. It is
// for [Start] and [Wait].
func (r *Runner) Command(ctx context.Context, call exec.Call, dir string) *osexec.Cmd {
	cmd := osexec.CommandContext(ctx, call.Module.Argv[0], call.Module.Argv[1:]...)
	cmd.Dir, cmd.Env = dir, r.environment(call)
	cmd.WaitDelay = afterKill
	ownGroup(cmd)
	cmd.Cancel = func() error { killGroup(cmd.Process.Pid); return cmd.Process.Kill() }
	return cmd
}

// Start starts a command, confined as its registration says.
func Start(cmd *osexec.Cmd, ref exec.ModuleRef, dir string) error { return start(cmd, ref, dir) }

// Wait waits for the program to end and kills what it left behind in its group.
func Wait(cmd *osexec.Cmd) error { return wait(cmd) }

// Run starts the program and waits for it.
func (r *Runner) Run(ctx context.Context, call exec.Call) (exec.Response, error) {
	ref := call.Module
	if err := r.Prepare(ctx, call); err != nil {
		return exec.Response{}, err
	}
	dir, err := os.MkdirTemp(r.Dir, "mythos-tool-")
	if err != nil {
		return exec.Response{}, fmt.Errorf("working directory: %w", err)
	}
	defer os.RemoveAll(dir)
	limited, cancel := context.WithTimeout(ctx, call.Limits.Timeout)
	defer cancel()
	p := r.prepare(limited, cancel, call, dir)
	if err := start(p.cmd, ref, dir); err != nil {
		return exec.Response{}, fmt.Errorf("start %s: %w", ref.Argv[0], err)
	}
	err = wait(p.cmd)
	if ctx.Err() != nil {
		return exec.Response{}, fmt.Errorf("%s was stopped: %w", ref.Argv[0], ctx.Err())
	}
	res, err := p.response(err, limited.Err() != nil)
	res.Tokens, res.GPUms = exec.Reported(p.stderr.Bytes)
	return res, err
}

// run is one started program and its two outputs.
type run struct {
	cmd    *osexec.Cmd
	stdout exec.Head
	stderr exec.Tail
}

func (r *Runner) prepare(ctx context.Context, stop context.CancelFunc, call exec.Call, dir string) *run {
	p := &run{
		cmd:    r.Command(ctx, call, dir),
		stdout: exec.Head{Limit: call.Limits.MaxResponse, Full: stop},
		stderr: exec.Tail{Limit: int(call.Limits.MaxStderr)},
	}
	p.cmd.Stdin, p.cmd.Stdout, p.cmd.Stderr = bytes.NewReader(call.Request), &p.stdout, exec.Stderr(ctx, &p.stderr)
	return p
}

// environment is what the registration names and what the effect adds.
func (r *Runner) environment(call exec.Call) []string {
	lookup := r.Lookup
	if lookup == nil {
		lookup = os.LookupEnv
	}
	env := []string{"MYTHOS_FENCE=" + strconv.FormatUint(call.Fence, 10)}
	if len(call.Key) > 0 {
		env = append(env, "MYTHOS_IDEMPOTENCY_KEY="+hex.EncodeToString(call.Key))
	}
	for _, name := range call.Module.Env {
		if v, ok := lookup(name); ok {
			env = append(env, name+"="+v)
		}
	}
	return env
}

// response judges how the program ended.
func (p *run) response(err error, stopped bool) (exec.Response, error) {
	switch {
	case p.stdout.Over:
		return exec.Response{Status: exec.StatusResponseTooBig, Notes: fmt.Sprintf("response exceeds %d bytes", p.stdout.Limit)}, nil
	case stopped:
		return exec.Response{Status: exec.StatusTimeout, Notes: p.stderr.Note("took too long")}, nil
	}
	var exit *osexec.ExitError
	switch {
	case err == nil, errors.Is(err, osexec.ErrWaitDelay) && p.cmd.ProcessState.Success():
		return exec.Response{Body: p.stdout.Bytes, Status: exec.StatusOK}, nil
	case errors.As(err, &exit), errors.Is(err, osexec.ErrWaitDelay):
		return exec.Response{Body: p.stdout.Bytes, Status: exec.StatusFailed, Notes: p.stderr.Note(p.cmd.ProcessState.String())}, nil
	}
	return exec.Response{}, fmt.Errorf("wait for %s: %w", p.cmd.Path, err)
}
