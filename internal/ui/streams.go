// Package ui is what a person sees: tables, colour and progress on a terminal,
// plain lines when piped. It is the only importer of lipgloss.
package ui

import (
	"fmt"
	"io"
	"os"
	"sync"

	"golang.org/x/term"
)

// Streams are the three streams of a command and what they are connected to.
type Streams struct {
	In       io.Reader
	Out      io.Writer
	Err      io.Writer
	OutTTY   bool // Out is a terminal
	ErrTTY   bool // Err is a terminal
	Color    bool // colour is wanted on a terminal
	Quiet    bool // no notes on Err
	Verbose  bool // more notes on Err
	outWidth int
	result   *result // under Out
	pager    *pager
}

// System returns the process's own streams. NO_COLOR and TERM=dumb turn colour off.
func System() *Streams {
	s := &Streams{In: os.Stdin, Err: os.Stderr, result: &result{w: os.Stdout}}
	s.Out = s.result
	s.OutTTY = term.IsTerminal(int(os.Stdout.Fd()))
	s.ErrTTY = term.IsTerminal(int(os.Stderr.Fd()))
	s.Color = os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb"
	if w, _, err := term.GetSize(int(os.Stdout.Fd())); err == nil {
		s.outWidth = w
	}
	return s
}

// Width is the width of the terminal in columns, 80 when it is not known.
func (s *Streams) Width() int {
	if s.outWidth > 0 {
		return s.outWidth
	}
	return 80
}

// result is standard output. It remembers the first error of writing there, so that a
// result which a full disk did not take is no success, whoever wrote it.
type result struct {
	w    io.Writer
	once sync.Once
	err  error
}

// Write implements io.Writer.
func (r *result) Write(data []byte) (int, error) {
	n, err := r.w.Write(data)
	if err != nil {
		r.once.Do(func() { r.err = err })
	}
	return n, err
}

// Lost is why a part of the result could not be written; nil: all of it was. Ask when
// nobody writes any more.
func (s *Streams) Lost() error {
	if s.result == nil {
		return nil
	}
	return s.result.err
}

// Printf writes a part of the result to Out. Main asks Lost whether that failed.
func (s *Streams) Printf(format string, args ...any) { fmt.Fprintf(s.Out, format, args...) }

// Notef writes a note to Err, unless the streams are quiet.
func (s *Streams) Notef(format string, args ...any) {
	if !s.Quiet {
		fmt.Fprintf(s.Err, format+"\n", args...)
	}
}

// Debugf writes a note to Err when the streams are verbose.
func (s *Streams) Debugf(format string, args ...any) {
	if s.Verbose {
		fmt.Fprintf(s.Err, format+"\n", args...)
	}
}
