package cmdutil

import (
	"errors"
	"io"

	"github.com/mythos-project/mythos/internal/cli/clierr"
	"github.com/mythos-project/mythos/internal/jsontext"
)

// Lines calls fn with each non-blank line of a file, or of standard input for "-", and its number. A line that is not
// text is a usage error that names file and line; so is an error of fn made with LineError.
func (f *Factory) Lines(name string, fn func(n int, line string) error) error {
	r, done, err := f.Open(name)
	if err != nil {
		return err
	}
	defer done()
	return LinesOf(name, r, fn)
}

// LinesOf is Lines for an open file.
func LinesOf(name string, r io.Reader, fn func(n int, line string) error) error {
	return lineError(name, jsontext.Lines(r, fn))
}

// EachLine calls fn with each line of a file, one JSON object per line, without unknown members, repeated members or
// null. An invalid line is a usage error that names file and line.
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
