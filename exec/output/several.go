package output

import (
	"io"
	"strings"
	"sync"
)

// First keeps the beginning of what a tool writes line by line, and counts the lines. It is safe
// for concurrent use.
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

// Text is what was kept, for people.
func (b *First) Text() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return Visible(b.first)
}

// Count is how many lines there were, and what was kept.
func (b *First) Count() (int, string) {
	text := b.Text()
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.lines, text
}

// Spread is an io.Writer for what a program writes while several calls use it: its end is
// kept, and the calls that are under way hear it.
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

// Tell lets a call hear what the server writes from now on. The function ends that.
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

// Last is the end of what was written, for people.
func (s *Spread) Last() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return strings.TrimSpace(Visible(s.tail.Whole()))
}
