package wasm

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/sys"

	"github.com/mythos-project/mythos/exec"
	"github.com/mythos-project/mythos/exec/output"
)

const tick = 1_000_000 // nanoseconds by which each reading of the clock advances it

// instance is the environment of one call: its streams and its clock.
type instance struct {
	request []byte
	stdout  output.Head
	stderr  output.Tail
	nanos   int64
}

func newInstance(call exec.Call, stop context.CancelFunc) *instance {
	return &instance{
		request: call.Request,
		stdout:  output.Head{Limit: call.Limits.MaxResponse, Full: stop},
		stderr:  output.Tail{Limit: int(call.Limits.MaxStderr)},
	}
}

// config is the sandbox described in the package documentation.
func (in *instance) config(ctx context.Context, call exec.Call) wazero.ModuleConfig {
	return wazero.NewModuleConfig().
		WithName("").         // anonymous: allows many concurrent instances
		WithStartFunctions(). // none: a failure here has run no code
		WithArgs(append([]string{"tool"}, call.Module.Argv...)...).
		WithStdin(bytes.NewReader(in.request)).
		WithStdout(&in.stdout).
		WithStderr(output.Also(&in.stderr, call.Stderr)).
		WithWalltime(func() (int64, int32) { return 0, 0 }, sys.ClockResolution(tick)).
		WithNanotime(in.nanotime, sys.ClockResolution(tick)).
		WithNanosleep(in.sleep).
		WithRandSource(rand.NewChaCha8([32]byte{}))
}

func (in *instance) nanotime() int64 {
	in.nanos += tick
	return in.nanos
}

func (in *instance) sleep(ns int64) {
	if ns > 0 {
		in.nanos += ns
	}
}

// response is the result of an ended module.
func (in *instance) response(err error, stopped bool) exec.Response {
	var exit *sys.ExitError
	switch {
	case in.stdout.Over:
		return exec.Response{Status: exec.StatusResponseTooBig, Notes: fmt.Sprintf("response exceeds %d bytes", in.stdout.Limit)}
	case stopped:
		return exec.Response{Status: exec.StatusTimeout, Notes: in.stderr.Note("took too long")}
	case err == nil, errors.As(err, &exit) && exit.ExitCode() == 0:
		return exec.Response{Body: in.stdout.Bytes, Status: exec.StatusOK}
	case exit != nil:
		res := in.failed(fmt.Sprintf("exit status %d", exit.ExitCode()))
		res.Exit = int(min(exit.ExitCode(), 255))
		return res
	}
	reason, _, _ := strings.Cut(err.Error(), "\n") // a trap; its stack trace follows
	return in.failed(reason)
}

func (in *instance) failed(reason string) exec.Response {
	return exec.Response{Body: in.stdout.Bytes, Status: exec.StatusFailed, Notes: in.stderr.Note(reason)}
}
