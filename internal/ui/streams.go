// Package ui is the user interface: tables, colour and progress on a terminal, plain lines in a pipe. It is the only
// importer of lipgloss.
package ui

import (
	"errors"
	"fmt"
	"io"
	"os"
	"reflect"
	"regexp"
	"strings"
	"sync"
	"syscall"

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
	} else if w, _, err := term.GetSize(int(os.Stderr.Fd())); err == nil {
		s.outWidth = w
	}
	return s
}

// Width returns the width of the terminal in columns, 80 if it is unknown.
func (s *Streams) Width() int {
	if s.outWidth > 0 {
		return s.outWidth
	}
	return 80
}

// result is standard output. It remembers the first write error, from any writer, so that a result that did not fit on
// a full disk is not a success.
type result struct {
	w    io.Writer
	once sync.Once
	err  error
}

// Write implements io.Writer.
func (r *result) Write(data []byte) (int, error) {
	n, err := r.w.Write(data)
	if err != nil && !errors.Is(err, syscall.EPIPE) { // who reads no more has had enough; where a signal does not end the process then
		r.once.Do(func() { r.err = err })
	}
	return n, err
}

// Lost returns why a part of the result could not be written; nil: all of it was. Call it after the last write.
func (s *Streams) Lost() error {
	if s.result == nil {
		return nil
	}
	return s.result.err
}

// Printf writes a part of the result to Out. Names and texts in it may come from strangers: their control characters
// are quoted. Bytes for a pipe are not changed. Main asks Lost whether writing failed.
func (s *Streams) Printf(format string, args ...any) {
	fmt.Fprintf(s.Out, format, s.harmless(args, s.OutTTY)...)
}

// Text writes a text for programs to Out; it is not changed for a pipe.
func (s *Streams) Text(text string) {
	if s.OutTTY {
		text = cleanPainted(text)
	}
	fmt.Fprint(s.Out, text)
}

// Notef writes a note to Err, unless the streams are quiet. Errors and texts in it may come
// from strangers: their control characters are quoted.
func (s *Streams) Notef(format string, args ...any) {
	if !s.Quiet {
		fmt.Fprintln(s.Err, s.foldErr(fmt.Sprintf(format, s.harmless(args, true)...), ""))
	}
}

// Fail writes an error and what to do next to Err, like Notef. Further lines of the error are indented, so that none
// can be mistaken for ours.
func (s *Streams) Fail(text, hint string) {
	text = strings.ReplaceAll(s.CleanErr(text), "\n", "\n  ")
	fmt.Fprintln(s.Err, s.foldErr(s.PaintErr(Bad, "mythos:")+" "+text, "  "))
	if hint == "" {
		return
	}
	if hint = CleanLines(hint); !strings.HasPrefix(hint, "mythos ") { // a command alone is meant to be copied whole
		hint = s.foldErr("  hint: "+hint, "  ")[len("  hint: "):]
	}
	fmt.Fprintln(s.Err, s.PaintErr(Dim, "  hint:")+" "+hint)
}

// Debugf writes a note to Err if the streams are verbose, like Notef.
func (s *Streams) Debugf(format string, args ...any) {
	if s.Verbose {
		fmt.Fprintf(s.Err, format+"\n", s.harmless(args, true)...)
	}
}

// harmless returns arguments that cannot move the cursor, forge a line or colour what follows. A text that was painted
// here keeps its colours. raw says that bytes are also cleaned.
func (s *Streams) harmless(args []any, raw bool) []any {
	out := make([]any, len(args))
	for i, arg := range args {
		out[i] = arg
		switch v := arg.(type) {
		case error:
			out[i] = Clean(v.Error())
		case string:
			out[i] = cleanPainted(v)
		case []byte:
			if raw {
				out[i] = CleanLines(string(v))
			}
		default:
			out[i] = harmlessValue(arg)
		}
	}
	return out
}

// harmlessValue cleans a value that contains a text. A numeric value contains no foreign text.
func harmlessValue(arg any) any {
	switch v := reflect.ValueOf(arg); v.Kind() {
	case reflect.String:
		if _, named := arg.(fmt.Stringer); !named {
			return Clean(v.String())
		}
		fallthrough
	case reflect.Struct, reflect.Pointer, reflect.Slice, reflect.Array:
		if named, ok := arg.(fmt.Stringer); ok && !(v.Kind() == reflect.Pointer && v.IsNil()) {
			return Clean(named.String())
		}
	}
	return arg
}

var painted = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile("\x1b\\[[0-9;]*m") })

// palette has the sequences that paint writes.
var palette = sync.OnceValue(func() map[string]bool {
	all := make(map[string]bool)
	for m := Plain; m <= Name; m++ {
		for _, sequence := range painted().FindAllString(paint(m, "x"), -1) {
			all[sequence] = true
		}
	}
	return all
})

// cleanPainted is CleanLines, but leaves sequences that set our colours.
func cleanPainted(text string) string {
	if !strings.Contains(text, "\x1b") {
		return CleanLines(text)
	}
	var b strings.Builder
	from := 0
	for _, at := range painted().FindAllStringIndex(text, -1) {
		if sequence := text[at[0]:at[1]]; palette()[sequence] {
			b.WriteString(CleanLines(text[from:at[0]]) + sequence)
			from = at[1]
		}
	}
	return b.String() + CleanLines(text[from:])
}
