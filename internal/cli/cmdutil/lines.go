package cmdutil

import (
	"errors"
	"io"

	"github.com/mythos-project/mythos/internal/cli/clierr"
	"github.com/mythos-project/mythos/internal/jsontext"
)

// Lines calls fn with each line of a file that is not blank, or of standard input for "-",
// and its number. What is no line of text is a usage error that names file and line, and so
// is what fn says with LineError.
func (f *Factory) Lines(name string, fn func(n int, line string) error) error {
	r, done, err := f.Open(name)
	if err != nil {
		return err
	}
	defer done()
	return LinesOf(name, r, fn)
}

// LinesOf is Lines of what is open already.
func LinesOf(name string, r io.Reader, fn func(n int, line string) error) error {
	return lineError(name, jsontext.Lines(r, fn))
}

// EachLine calls fn with each line of a file, one JSON object a line, without members that T
// does not know, without repeated ones and without null. Wrong lines are usage errors that name
// file and line.
func EachLine[T any](name string, r io.Reader, fn func(n int, v T) error) error {
	return lineError(name, jsontext.Each(r, fn))
}

// LineError is the error of line n of a file, for Lines and EachLine: a usage error.
func LineError(name string, n int, err error) error {
	return clierr.Usagef("%s, line %d: %w", FileName(name), n, err).On(name)
}

func lineError(name string, err error) error {
	if errors.Is(err, jsontext.ErrLine) {
		return clierr.Usagef("%s, %w", FileName(name), err).On(name)
	}
	return err
}
