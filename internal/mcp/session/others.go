package session

import (
	"context"

	"github.com/mythos-project/mythos/internal/mcp/awaited"
)

func (s *Session) records() awaited.Records {
	return awaited.Records{KV: s.KV, Now: s.Gate.Now, Alive: s.Alive}
}

// own records that this process has records, before it has the first.
func (s *Session) own(ctx context.Context) error {
	s.marking.Lock()
	defer s.marking.Unlock()
	if s.marked {
		return nil
	}
	err := s.records().Begin(ctx, s.Agent, s.Instance, s.Keep)
	s.marked = err == nil
	return err
}

// unmark records that this process no longer has records, if that is so.
func (s *Session) unmark() error {
	s.mu.Lock()
	left := len(s.waiting)
	s.mu.Unlock()
	s.marking.Lock()
	defer s.marking.Unlock()
	if !s.marked || left > 0 {
		return nil
	}
	s.marked = false
	ctx, cancel := context.WithTimeout(context.Background(), forgetTime)
	defer cancel()
	return s.records().End(ctx, s.Agent, s.Instance)
}

// others reports whether another process may have left a call that can be taken over.
func (s *Session) others(ctx context.Context) (there bool, err error) {
	return s.records().Others(ctx, awaited.Space(s.Agent), s.Instance, s.keep())
}
