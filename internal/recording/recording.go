// Package recording runs a program as from a terminal, and records its output: the built-in effect mythos.once
// (spec/tools.md#once).
//
// The program runs in the current folder and with all variables of this process. The record has the names of the
// variables, not their values. Both output streams are stored; one that is longer than [MaxHead] becomes a blob while
// the program runs.
package recording

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/mythos-project/mythos/caps/scope"
	"github.com/mythos-project/mythos/exec"
	"github.com/mythos-project/mythos/exec/once"
	"github.com/mythos-project/mythos/exec/output"
	"github.com/mythos-project/mythos/exec/process"
	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/object/can"
	"github.com/mythos-project/mythos/store"
)

// Limits of one run.
const (
	MaxTime = 30 * 24 * time.Hour
	MaxHead = 256 << 10 // bytes of a stream that are stored in the response itself
)

// grace is how long an interrupted program may take to end. A second interrupt ends this process at once, and the
// program with it.
const grace = 10 * time.Minute

// Tools finds registered tools; *exec.Tools is one.
type Tools interface {
	Get(ctx context.Context, id object.Hash) (exec.Tool, error)
}

// Blobs stores long output; *store.Store is one.
type Blobs interface {
	PutBlob(ctx context.Context, r io.Reader, o store.PutOptions) (object.BlobRef, error)
}

// Runner is the built-in effect. All fields are set. It is safe for concurrent use.
type Runner struct {
	Programs *process.Runner
	Tools    Tools
	Blobs    Blobs
}

// Builtin returns the effect for the executor.
func (r *Runner) Builtin() exec.Builtin {
	return exec.Builtin{Use: use, Run: r.run, Limits: exec.Limits{Timeout: MaxTime}, KeepOut: true}
}

// use returns the authority that a call of the program itself needs.
func use(request []byte) (scope.Use, error) {
	q, err := object.Decode[once.Request](request)
	if err != nil {
		return scope.Use{}, err
	}
	return scope.Use{Kind: scope.KindToolCall, Tool: q.Command, Request: q.Input}, nil
}

func (r *Runner) run(ctx context.Context, call exec.Call) (exec.Response, error) {
	q, err := object.Decode[once.Request](call.Request)
	if err != nil {
		return exec.Response{}, exec.NotStarted(err)
	}
	tool, err := r.Tools.Get(ctx, q.Command)
	switch {
	case err != nil:
		return exec.Response{}, exec.NotStarted(err)
	case tool.Module.Kind != exec.KindProcess:
		return exec.Response{}, exec.NotStarted(fmt.Errorf("tool %s is not a program", tool.Name))
	case r.Programs.Peers:
		return exec.Response{}, exec.NotStarted(errors.New("it runs a program for whoever is at this machine, and not for a peer"))
	}
	call.Tool, call.Name, call.Module, call.Request = tool.ID, tool.Name, tool.Module, q.Input
	call.Module.Env, call.Module.Caller = nil, variables()
	return r.record(ctx, call)
}

// secret lists variables that are only for us: the signing key, and what decrypts it.
var secret = []string{"MYTHOS_KEY", "MYTHOS_KEY_PASSPHRASE", "MYTHOS_KEY_PASSPHRASE_FILE"}

// variables returns the names of our own variables, except secret ones and those that differ between attempts.
func variables() (names []string) {
	for _, v := range os.Environ() {
		name, _, _ := strings.Cut(v, "=")
		if name != "" && !slices.Contains(process.AttemptEnv, name) && !slices.Contains(secret, name) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// record runs a program and waits for it.
func (r *Runner) record(ctx context.Context, call exec.Call) (exec.Response, error) {
	if err := r.Programs.Prepare(ctx, call); err != nil {
		return exec.Response{}, exec.NotStarted(err)
	}
	fresh, err := os.MkdirTemp(r.Programs.Dir, "mythos-tool-")
	if err != nil {
		return exec.Response{}, exec.NotStarted(fmt.Errorf("working directory: %w", err))
	}
	defer os.RemoveAll(fresh)
	limited, cancel := context.WithTimeout(ctx, call.Limits.Timeout)
	defer cancel()
	tail := &output.Tail{Limit: int(call.Limits.MaxStderr)}
	stdout, stderr := newStream(ctx, r.Blobs, call.Stdout), newStream(ctx, r.Blobs, io.MultiWriter(tail, quiet{call.Stderr}))
	cmd := r.Programs.Command(limited, call, fresh)
	cmd.Grace, cmd.Deadline = grace, call.Limits.Timeout+grace
	cmd.Stdin, cmd.Stdout, cmd.Stderr = bytes.NewReader(call.Request), stdout, stderr
	if err := process.Start(cmd, call.Module, fresh); err != nil {
		return exec.Response{}, exec.NotStarted(fmt.Errorf("start %s: %w", call.Module.Argv[0], err))
	}
	ended := process.Wait(cmd)
	out := once.Output{Stdout: stdout.end(), Stderr: stderr.end(), Dir: text(call.Module.Dir), Env: texts(call.Module.Caller)}
	if dir, err := os.Getwd(); err == nil && call.Module.Dir == "." {
		out.Dir = text(dir)
	}
	res, err := judge(ctx, limited, ended, tail, &out)
	if err != nil {
		return res, err
	}
	if res.Evidence, err = evidence(call, out); err == nil {
		res.Body, err = can.Marshal(&out)
	}
	return res, err
}

// judge says how a program ended. A program that was interrupted and ended by itself says so by its exit status; what
// one did that was killed by the signal is unknown.
func judge(ctx, limited context.Context, ended error, tail *output.Tail, out *once.Output) (res exec.Response, err error) {
	res.Use = output.Reported(tail.Bytes)
	var exit *process.ExitError
	exited := errors.As(ended, &exit)
	if exited {
		out.Exit = uint64(exit.Code())
	}
	switch {
	case ended != nil && !exited:
		return res, fmt.Errorf("wait for the program: %w", ended)
	case ctx.Err() != nil && exited && exit.Status() == 0: // a signal ended it
		return res, fmt.Errorf("it was stopped: %w", ctx.Err())
	case ctx.Err() == nil && limited.Err() != nil:
		res.Status, res.Notes = exec.StatusTimeout, tail.Note("took too long")
	case exited:
		res.Status, res.Notes, res.Exit = exec.StatusFailed, tail.Note(exit.Error()), exit.Status()
	default:
		res.Status, res.Notes = exec.StatusOK, tail.Note("")
	}
	return res, nil
}

// evidence returns the hashes of what ran, and of the blobs with its output.
func evidence(call exec.Call, out once.Output) ([]object.Hash, error) {
	module, err := call.Module.Hash()
	if err != nil {
		return nil, err
	}
	list := []object.Hash{call.Tool, module, *call.Module.ModuleHash}
	for _, w := range []once.Written{out.Stdout, out.Stderr} {
		if w.Blob != nil {
			list = append(list, *w.Blob)
		}
	}
	return list, nil
}

// text returns a name that can be recorded; one that is not valid text is left out.
func text(name string) string {
	if !utf8.ValidString(name) {
		return ""
	}
	return name
}

func texts(names []string) []string {
	list := []string{}
	for _, name := range names {
		if text(name) != "" {
			list = append(list, name)
		}
	}
	return list
}
