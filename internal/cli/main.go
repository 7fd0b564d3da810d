// Package cli is the command line of mythos: the root command, exit codes, and the printing of errors and hints. Each
// noun has a package of its own, and each verb a file: options, validate, run.
package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime/debug"
	"slices"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/mythos-project/mythos/internal/cli/clierr"
	"github.com/mythos-project/mythos/internal/cli/cmdutil"
	"github.com/mythos-project/mythos/internal/cli/peercmd"
	"github.com/mythos-project/mythos/internal/supervise"
	"github.com/mythos-project/mythos/object"
)

// Main runs the command line on the process's arguments and returns the exit
// code.
func Main() int { return MainAt(nil) }

// MainAt is Main with another clock than the machine's; nil: the machine's.
func MainAt(now func() object.Time) (code int) {
	defer func() {
		if r := recover(); r != nil {
			code = internalError(os.Stderr, r, debug.Stack())
		}
	}()
	if err := supervise.CloseOnExec(); err != nil { // before starting anything: pager, tools, servers, go build
		fmt.Fprintln(os.Stderr, "mythos: keep inherited descriptors from children:", err)
		return clierr.Failed
	}
	interrupted, caught := untilSignal()
	f := cmdutil.New()
	if now != nil {
		f.Now = now
	}
	ctx, cancel := context.WithCancel(interrupted)
	f.Cancel = cancel
	defer f.Cancel()
	root, args := newRoot(f), commandAfterDash(os.Args[1:])
	addAsked(f, root, args)
	if slices.ContainsFunc(os.Args[1:], func(arg string) bool { return strings.HasPrefix(arg, cobra.ShellCompRequestCmd) }) {
		complete(f, root) // only for shells: it visits every flag of every command
	}
	root.SetArgs(args)
	err := root.ExecuteContext(ctx)
	var e *clierr.Error
	if err != nil && (ctx.Err() == nil || interrupted.Err() != nil) { // unless the user left the pager
		e = classify(err)
		addHint(ctx, f, e)
	}
	if cerr := f.Close(); e == nil && cerr != nil {
		e = classify(cerr)
	}
	f.IO.EndPage() // after the database is free again
	if lost := f.IO.Lost(); e == nil && lost != nil {
		e = classify(lost)
	}
	if e == nil {
		return clierr.OK
	}
	if interrupted.Err() != nil {
		e = stopped(e, <-caught)
	}
	e = exitStatus(f, e)
	report(f, e)
	return e.Status()
}

// exitStatus sets the exit status of a command that ends with that of the program it runs. Only a failure of the
// program gives that status. Any other error of such a command gets a status that no program is expected to have,
// unless a signal stopped it. If the caller expects one status for all errors, exitStatus uses that.
func exitStatus(f *cmdutil.Factory, e *clierr.Error) *clierr.Error {
	out := *e
	switch {
	case f.ErrorStatus != 0:
		out.Exit = f.ErrorStatus
	case !f.CommandStatus:
		out.Exit = 0
	case e.Exit == 0 && e.Code != clierr.Interrupted && e.Code != clierr.Terminated:
		out.Exit = clierr.OwnError
	}
	return &out
}

// untilSignal is a context that ends at the first interrupt or SIGTERM, which is then in caught. A second one ends the
// process at once.
func untilSignal() (ctx context.Context, caught <-chan os.Signal) {
	ctx, cancel := context.WithCancel(context.Background())
	signals, first := make(chan os.Signal, 1), make(chan os.Signal, 1)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	go func() {
		s := <-signals
		signal.Stop(signals)
		first <- s
		cancel()
	}()
	return ctx, first
}

// stopped gives a command that a signal stopped the exit code that shells use for that. It still reports the outcome of
// an effect.
func stopped(e *clierr.Error, s os.Signal) *clierr.Error {
	code := clierr.Interrupted
	if s == syscall.SIGTERM {
		code = clierr.Terminated
	}
	if e.Error() == context.Canceled.Error() { // nothing more is known
		return &clierr.Error{Code: code, Err: errors.New("interrupted"), Object: e.Object}
	}
	return &clierr.Error{Code: code, Err: e.Err, Object: e.Object, Hint: e.Hint}
}

// internalError reports a panic: a fault of this program and not of its user.
func internalError(w io.Writer, what any, stack []byte) int {
	fmt.Fprintf(w, "mythos: internal error: %v\n  hint: this is a fault of mythos; report it with what follows\n%s", what, stack)
	return clierr.Failed
}

// ErrorDocument is what --json writes to standard error when a command fails.
type ErrorDocument struct {
	Error ErrorBody `json:"error"`
}

// ErrorBody is an error with everything known about it.
type ErrorBody struct {
	Code    int    `json:"code"`             // the exit code
	Kind    string `json:"kind"`             // the exit code's name
	Message string `json:"message"`          // the request, and the failed check
	Object  string `json:"object,omitempty"` // what the check was about
	Hint    string `json:"hint,omitempty"`   // what to do next
}

// report prints an error: two lines for people, one document with --json.
func report(f *cmdutil.Factory, e *clierr.Error) {
	if f.JSON {
		doc := ErrorDocument{ErrorBody{e.Status(), e.Kind(), e.Error(), e.Object, e.Hint}}
		enc := json.NewEncoder(f.IO.Err)
		enc.SetEscapeHTML(false)
		_ = enc.Encode(doc) // strings and integers always encode
		return
	}
	f.IO.Fail(e.Error(), e.Hint)
}

// classify gives any error its exit code.
func classify(err error) *clierr.Error {
	if e, ok := clierr.As(err); ok {
		return e
	}
	for _, row := range codes {
		for _, target := range row.errs {
			if errors.Is(err, target) {
				return &clierr.Error{Code: row.code, Err: err, Hint: hintOf(err)}
			}
		}
	}
	if e, ok := clierr.As(peercmd.PeerError(err)); ok {
		return e
	}
	return &clierr.Error{Code: clierr.Failed, Err: err}
}

// commandAfterDash lets everything after --process be a command with flags of its own, by inserting "--".
func commandAfterDash(args []string) []string {
	for i, arg := range args {
		if arg == "--" {
			return args
		}
		if arg == "--process" {
			out := append([]string{}, args[:i+1]...)
			return append(append(out, "--"), args[i+1:]...)
		}
	}
	return args
}
