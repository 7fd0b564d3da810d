package output

import (
	"io"
	"strings"
	"sync"
)

// First stores the beginning of a tool's output line by line, and counts the lines. It is safe for concurrent use.
type First struct {
	mu    sync.Mutex
	lines int
	first []byte
}

const maxFirst = 256

// Add takes one line.
func (b *First) Add(line []byte) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.lines++
	if room := maxFirst - len(b.first); room > 0 {
		b.first = append(append(b.first, line[:min(len(line), room)]...), '\n')
	}
}

// Text is the stored output, for people.
func (b *First) Text() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return Visible(b.first)
}

// Count returns the number of lines, and the stored output.
func (b *First) Count() (int, string) {
	text := b.Text()
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.lines, text
}

// Spread is an io.Writer for the output of a program that several calls use. It stores the end, and passes the output
// to the running calls.
type Spread struct {
	mu    sync.Mutex
	tail  Tail
	calls map[*hearing]struct{}
}

type hearing struct {
	to io.Writer
}

const maxTail = 1 << 10

// Write never fails.
func (s *Spread) Write(data []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.tail.Limit = maxTail
	_, _ = s.tail.Write(data)
	for h := range s.calls {
		_, _ = h.to.Write(data)
	}
	return len(data), nil
}

// Tell passes the server's further output to a call, until the returned function is called.
func (s *Spread) Tell(to io.Writer) func() {
	h := &hearing{to}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.calls == nil {
		s.calls = make(map[*hearing]struct{})
	}
	s.calls[h] = struct{}{}
	return func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		delete(s.calls, h)
	}
}

// Last is the end of the output, for people.
func (s *Spread) Last() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return strings.TrimSpace(Visible(s.tail.Whole()))
}
