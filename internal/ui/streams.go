// Package ui is what a person sees: tables, colour and progress on a terminal,
// plain lines when piped. It is the only importer of lipgloss.
package ui

import (
	"fmt"
	"io"
	"os"
	"reflect"
	"regexp"
	"strings"
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
	} else if w, _, err := term.GetSize(int(os.Stderr.Fd())); err == nil {
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
// result which a full disk did not take is no success; it does not matter who wrote it.
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

// Printf writes a part of the result to Out. Names and texts in it may come from strangers:
// their control characters are quoted. Bytes go to a pipe as they are. Main asks Lost
// whether that failed.
func (s *Streams) Printf(format string, args ...any) {
	fmt.Fprintf(s.Out, format, s.harmless(args, s.OutTTY)...)
}

// Text writes a text that is for programs to Out: to a pipe as it is.
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

// Fail writes an error and what to do next to Err, as Notef does. Further lines of the error
// are indented: none can be taken for one of ours.
func (s *Streams) Fail(text, hint string) {
	text = strings.ReplaceAll(s.CleanErr(text), "\n", "\n  ")
	fmt.Fprintln(s.Err, s.foldErr(s.PaintErr(Bad, "mythos:")+" "+text, "  "))
	if hint == "" {
		return
	}
	if hint = CleanLines(hint); !strings.HasPrefix(hint, "mythos ") { // a command alone is copied whole
		hint = s.foldErr("  hint: "+hint, "  ")[len("  hint: "):]
	}
	fmt.Fprintln(s.Err, s.PaintErr(Dim, "  hint:")+" "+hint)
}

// Debugf writes a note to Err when the streams are verbose, as Notef does.
func (s *Streams) Debugf(format string, args ...any) {
	if s.Verbose {
		fmt.Fprintf(s.Err, format+"\n", s.harmless(args, true)...)
	}
}

// harmless are arguments that cannot move the cursor, forge a line or colour what follows. A
// text that was painted here keeps its colours. raw says that bytes are cleaned, too.
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

// harmlessValue cleans what holds a text. What has a number for a value has none of a stranger's.
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

// palette are the sequences that paint writes.
var palette = sync.OnceValue(func() map[string]bool {
	all := make(map[string]bool)
	for m := Plain; m <= Name; m++ {
		for _, sequence := range painted().FindAllString(paint(m, "x"), -1) {
			all[sequence] = true
		}
	}
	return all
})

// cleanPainted is CleanLines beside sequences that set colours as we do.
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
