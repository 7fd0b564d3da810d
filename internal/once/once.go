// Package once runs a command once per key: it registers the command, issues a capability for exactly that command if
// it may issue any here, and calls mythos.once (internal/recording).
package once

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	osexec "os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/mythos-project/mythos/caps"
	"github.com/mythos-project/mythos/caps/scope"
	"github.com/mythos-project/mythos/exec"
	"github.com/mythos-project/mythos/exec/once"
	"github.com/mythos-project/mythos/exec/process"
	"github.com/mythos-project/mythos/internal/calls"
	"github.com/mythos-project/mythos/internal/recording"
	"github.com/mythos-project/mythos/internal/repo"
	"github.com/mythos-project/mythos/internal/toolbox"
	"github.com/mythos-project/mythos/ledger"
	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/object/can"
	"github.com/mythos-project/mythos/store"
)

// ErrCommand means that a command cannot be started: it does not exist, or is not a program.
var ErrCommand = errors.New("not a command that can be run")

// Spec says what to run.
type Spec struct {
	Key    []byte
	Argv   []string
	Input  []byte
	Manner exec.Manner
}

// Ran says how it ended.
type Ran struct {
	*calls.Called
	Command exec.Tool
	Output  once.Output
}

// maxRequest is the length of a request that fits in a bundle.
const maxRequest = 16 << 20

// ttl is how long a capability that is issued to the owner is valid.
const ttl = 30 * 24 * time.Hour

// Run runs a command unless it already succeeded under this key. A failed run is repeated. Errors: one that wraps
// ErrCommand; a *ConflictError; those of [repo.Repo.Call]. The command in the result is set as soon as it is known,
// even if there is an error.
func Run(ctx context.Context, n *repo.Repo, s Spec) (*Ran, error) {
	r := &Ran{}
	tool, err := command(s.Argv)
	if err != nil {
		return r, err
	}
	r.Command = tool
	request, err := can.Marshal(&once.Request{Command: r.Command.ID, Input: notNil(s.Input)})
	if err != nil {
		return r, err
	}
	if len(request) > maxRequest {
		return r, fmt.Errorf("%w: the input has %d bytes, at most %d are allowed", exec.ErrRequestTooLarge, len(s.Input), maxRequest-len(request)+len(s.Input))
	}
	if err := other(ctx, n, s.Key, request, r.Command); err != nil {
		return r, err
	}
	if _, err := n.Tools.Add(ctx, tool); err != nil {
		return r, err
	}
	s.Manner.Anew = true
	call := calls.Spec{Tool: exec.BuiltinTool("once"), Key: s.Key, Request: request, Trace: true, Manner: s.Manner}
	held, err := n.Auth.Covering(ctx, scope.Use{Kind: scope.KindToolCall, Tool: r.Command.ID, Request: s.Input})
	if err == nil && len(held) == 0 {
		err = issue(ctx, n, r.Command.ID)
	}
	if err != nil {
		return r, err
	}
	r.Called, err = n.Caller.Call(ctx, call)
	if usedUp(err) && mayIssue(n) {
		if err = issue(ctx, n, r.Command.ID); err == nil {
			r.Called, err = n.Caller.Call(ctx, call)
		}
	}
	if err != nil {
		return r, err
	}
	out, err := object.Decode[once.Output](r.Body)
	if err != nil {
		return r, fmt.Errorf("the recorded output: %w", err)
	}
	r.Output = *out
	return r, nil
}

func notNil(b []byte) []byte {
	if b == nil {
		return []byte{}
	}
	return b
}

// usedUp reports whether another capability would help. It would not against a rate limit, which lets the call through
// later.
func usedUp(err error) bool {
	var denied *caps.DeniedError
	return errors.Is(err, caps.ErrQuota) && !(errors.As(err, &denied) && denied.Check == caps.CheckRate)
}

// mayIssue reports whether capabilities issued by the identity here count where the effect is judged.
func mayIssue(n *repo.Repo) bool {
	return n.MayIssue(scope.KindToolCall) && !n.Gate.Elsewhere(once.Tool)
}

// issue gives the identity here a capability for calls of a command, if it may issue any: otherwise the executor
// refuses, and says what is missing.
func issue(ctx context.Context, n *repo.Repo, tool object.Hash) error {
	if !mayIssue(n) {
		return nil
	}
	scope, err := scope.New(&scope.ToolCall{ToolID: tool, MaxCalls: scope.NoLimit32})
	if err == nil {
		_, err = n.Auth.Issue(ctx, caps.Draft{Subject: n.Self(), Scope: scope, NotBefore: n.Now(), ExpiresAt: n.Now().Add(ttl)})
	}
	return err
}

// command returns the registration of a command: it pins what the command runs, and nothing else.
func command(argv []string) (exec.Tool, error) {
	path, err := osexec.LookPath(argv[0])
	if err == nil {
		err = process.Startable(path)
	}
	var notes []string
	var module exec.ModuleRef
	if err == nil {
		module, err = toolbox.ProcessModule(toolbox.ToolSpec{Process: argv, Unconfined: true, PinRuns: true}, &notes)
	}
	if err != nil {
		return exec.Tool{}, fmt.Errorf("%w: %w", ErrCommand, why(argv[0], err))
	}
	id, err := module.Hash()
	if err != nil {
		return exec.Tool{}, err
	}
	return exec.Tool{Name: name(module, id), Module: module}.Complete()
}

// why adds the command's name to a system error that lacks it.
func why(name string, err error) error {
	var of *osexec.Error
	if errors.As(err, &of) && errors.Is(err, fs.ErrPermission) {
		return fmt.Errorf("%s: %w: it is not executable (chmod +x)", name, of.Err)
	}
	return err
}

var notInName = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`[^a-z0-9._-]+`) })

// name is how people find the command: its script's or program's name, and part of its hash.
func name(m exec.ModuleRef, id object.Hash) string {
	what := m.Argv[0]
	for i := range process.Runs(m.Argv) {
		what = m.Argv[max(i, 0)]
	}
	base := notInName().ReplaceAllString(strings.ToLower(filepath.Base(what)), "-")
	return "once." + base[:min(len(base), 40)] + "-" + id.Short()[:8]
}

// ConflictError means that a key stands for another command, or for another input.
type ConflictError struct {
	Key     []byte
	Command *exec.Tool      // that the key stands for; nil: unknown here
	Input   bool            // the command is the same, the input is not
	Receipt *ledger.Receipt // of how that ended; nil: it has not ended
	mine    []string        // the arguments of the requested command
}

func (e *ConflictError) Error() string {
	what := "another command, or another input"
	switch {
	case e.Input:
		what = "another input of this command"
	case e.Command != nil && slices.Equal(e.Command.Module.Argv, e.mine):
		what = "what this command was before its files, or its program, changed"
	case e.Command != nil:
		what = "another command: " + strings.Join(e.Command.Module.Argv, " ")
	}
	if e.Receipt != nil {
		what += ", which ended at " + e.Receipt.TimeObserved.String()
	}
	return fmt.Sprintf("key %q stands for %s", ledger.KeyText(e.Key), what)
}

// Unwrap returns ledger.ErrIdempotencyConflict.
func (e *ConflictError) Unwrap() error { return ledger.ErrIdempotencyConflict }

// other refuses a key that stands for something else before the ledger does, which would record the conflict for good:
// it is usually a mistake.
func other(ctx context.Context, n *repo.Repo, key, request []byte, mine exec.Tool) error {
	s, err := n.Ledger.Read(ctx, ledger.IdemID(once.Tool, key))
	if err != nil || s.Request == nil || *s.Request == object.Sum(request) {
		return err
	}
	e := &ConflictError{Key: key, mine: mine.Module.Argv}
	if s.Receipt != nil {
		if e.Receipt, err = object.Decode[ledger.Receipt](s.Receipt); err != nil {
			return err
		}
		e.Command, e.Input, err = ran(ctx, n, e.Receipt, mine)
	}
	return errors.Join(e, err)
}

// ran returns the command that a receipt names. same reports whether it is mine.
func ran(ctx context.Context, n *repo.Repo, r *ledger.Receipt, mine exec.Tool) (tool *exec.Tool, same bool, err error) {
	for _, h := range r.Evidence {
		if h == mine.ID {
			return nil, true, nil
		}
	}
	for _, h := range r.Evidence {
		t, err := n.Tools.Get(ctx, h)
		if err == nil {
			return &t, false, nil
		}
		if !errors.Is(err, exec.ErrNoTool) {
			return nil, false, err
		}
	}
	return nil, false, nil
}

// Copy writes what the command wrote to its standard output and error to the given ones. The error says what is not
// stored, or what cannot be written.
func (r *Ran) Copy(ctx context.Context, from *store.Store, stdout, stderr writer) error {
	return errors.Join(recording.Copy(ctx, from, r.Output.Stdout, stdout), recording.Copy(ctx, from, r.Output.Stderr, stderr))
}

type writer interface{ Write(p []byte) (int, error) }
