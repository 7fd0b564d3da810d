// Package clierr defines the errors of the command line: the fault, the object, the remedy, and the documented exit
// code (docs/exit-codes.md).
package clierr

import (
	"errors"
	"fmt"
	"strings"
)

// The exit codes that scripts rely on.
const (
	OK       = 0
	Failed   = 1
	Usage    = 2
	NotFound = 3
	Refused  = 4
	Invalid  = 5
	Conflict = 6
	Busy     = 7
	Tool     = 8
)

// The exit codes of commands that a signal stopped, as in shells: 128 and the signal's number.
const (
	Interrupted = 130 // Ctrl-C
	Terminated  = 143 // SIGTERM
)

// OwnError is the exit status for errors of the command itself, if it otherwise ends with that of the program it runs;
// as in env and docker.
const OwnError = 125

// Codes lists every exit code with its meaning, for help texts and docs.
var Codes = []struct {
	Code    int
	Kind    string
	Meaning string
}{
	{OK, "ok", "done"},
	{Failed, "failed", "any other error"},
	{Usage, "usage", "a flag or an argument is wrong"},
	{NotFound, "not_found", "the object, file or repository does not exist"},
	{Refused, "refused", "no capability, policy, budget or trusted signature allows it"},
	{Invalid, "invalid", "verification failed: hash, signature, non-canonical bytes"},
	{Conflict, "conflict", "divergent or non-deterministic; someone else was first"},
	{Busy, "busy", "another process holds the lease or the database"},
	{Tool, "tool", "the tool itself failed"},
}

// Table is the table of exit codes as help shows it.
func Table() string {
	var b strings.Builder
	for _, c := range Codes {
		fmt.Fprintf(&b, "  %-3d %-10s %s\n", c.Code, c.Kind, c.Meaning)
	}
	fmt.Fprintf(&b, "  %d interrupted by Ctrl-C; %d by SIGTERM\n", Interrupted, Terminated)
	return b.String()
}

// Error is an error with everything that the command line prints about it.
type Error struct {
	Code   int    // exit code
	Exit   int    // exit status of this process, if it is that of a program it ran; 0: Code
	Object string // subject of the check; may be empty
	Hint   string // the remedy; may be empty
	Err    error
}

func (e *Error) Error() string { return e.Err.Error() }

// Status is the exit status of the process.
func (e *Error) Status() int {
	if e.Exit != 0 {
		return e.Exit
	}
	return e.Code
}

// Unwrap gives the cause.
func (e *Error) Unwrap() error { return e.Err }

// Kind is the name of the error's exit code.
func (e *Error) Kind() string {
	switch e.Code {
	case Interrupted:
		return "interrupted"
	case Terminated:
		return "terminated"
	}
	for _, c := range Codes {
		if c.Code == e.Code {
			return c.Kind
		}
	}
	return "failed"
}

// New makes an error with an exit code; format and args are those of fmt.Errorf.
func New(code int, format string, args ...any) *Error {
	return &Error{Code: code, Err: fmt.Errorf(format, args...)}
}

// Usagef reports a wrong flag or argument.
func Usagef(format string, args ...any) *Error { return New(Usage, format, args...) }

// With adds the remedy.
func (e *Error) With(hint string) *Error {
	e.Hint = hint
	return e
}

// On names the object that the error is about.
func (e *Error) On(object string) *Error {
	e.Object = object
	return e
}

// As finds an Error in err's chain.
func As(err error) (*Error, bool) {
	var e *Error
	ok := errors.As(err, &e)
	return e, ok
}
