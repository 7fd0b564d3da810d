// Package output stores a bounded part of a tool's output: the beginning of a response, or the end of its standard
// error. It also reads the tool's reported use.
package output

import (
	"bytes"
	"errors"
	"io"
	"strings"
)

var errFull = errors.New("the output exceeds its limit")

// Head is an io.Writer, for runners, that stores at most Limit bytes. More is an error and calls Full once, which stops
// the tool.
type Head struct {
	Limit int64
	Full  func()
	Over  bool // the limit was exceeded; nothing is stored
	Bytes []byte
}

// Write keeps p.
func (h *Head) Write(p []byte) (int, error) {
	if h.Over {
		return 0, errFull
	}
	if int64(len(h.Bytes)+len(p)) > h.Limit {
		h.Over, h.Bytes = true, nil
		h.Full()
		return 0, errFull
	}
	h.Bytes = append(h.Bytes, p...)
	return len(p), nil
}

// Tail is an io.Writer, for runners, that stores the last Limit bytes.
type Tail struct {
	Limit int
	Bytes []byte
	cut   bool // earlier output was dropped
}

// Write keeps the end of what was written so far.
func (t *Tail) Write(p []byte) (int, error) {
	n := len(p)
	t.cut = t.cut || len(t.Bytes)+n > t.Limit
	if n >= t.Limit {
		t.Bytes = append(t.Bytes[:0], p[n-t.Limit:]...)
		return n, nil
	}
	if drop := len(t.Bytes) + n - t.Limit; drop > 0 {
		t.Bytes = append(t.Bytes[:0], t.Bytes[drop:]...)
	}
	t.Bytes = append(t.Bytes, p...)
	return n, nil
}

// Whole is the stored output without its first line, or else its first word, if that may be incomplete: half of a
// secret would not be recognized.
func (t *Tail) Whole() []byte {
	if !t.cut {
		return t.Bytes
	}
	if i := bytes.IndexByte(t.Bytes, '\n'); i >= 0 {
		return t.Bytes[i+1:]
	}
	if i := bytes.IndexByte(t.Bytes, ' '); i >= 0 {
		return t.Bytes[i+1:]
	}
	return nil
}

// Note is a reason, which may be empty, and the stored output, as valid UTF-8, for a Response's notes.
func (t *Tail) Note(reason string) string {
	text := strings.TrimSpace(strings.ToValidUTF8(string(t.Whole()), "\uFFFD"))
	if text == "" || reason == "" {
		return reason + text
	}
	return reason + ": " + text
}

// Also writes to kept and, ignoring errors, to w unless that is nil: a watcher cannot stop a tool.
func Also(kept, w io.Writer) io.Writer {
	if w == nil {
		return kept
	}
	return io.MultiWriter(kept, unfailing{w})
}

type unfailing struct{ w io.Writer }

func (u unfailing) Write(p []byte) (int, error) {
	_, _ = u.w.Write(p)
	return len(p), nil
}
