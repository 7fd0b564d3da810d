package session

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/store/kv"
)

// Looking for the calls of other processes costs more, the more equal calls there were: the
// store reads over what was deleted. So each process says that it has such records, and without
// another one that says so nobody looks.

// mark is what a process says of its records of an agent's calls.
type mark struct {
	Gone object.Time `json:"gone,omitempty"` // when somebody first saw that the process is no more; 0: nobody did
}

func (s *Session) marks() string { return kv.Awaiting + object.SumText(s.Agent).String() + "/" }

// own says that this process has records, before it has the first.
func (s *Session) own(ctx context.Context) error {
	s.marking.Lock()
	defer s.marking.Unlock()
	if s.marked {
		return nil
	}
	raw, err := json.Marshal(mark{})
	if err == nil {
		_, err = s.KV.Update(ctx, nil, map[string][]byte{s.marks() + s.Instance: raw})
	}
	s.marked = err == nil
	return err
}

// unmark says that this process has no records any more, where that is so.
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
	_, err := s.KV.Update(ctx, nil, map[string][]byte{s.marks() + s.Instance: nil})
	return err
}

// others reports whether another process may have left a call that somebody can take over.
// One that ended long enough ago is forgotten.
func (s *Session) others(ctx context.Context) (there bool, err error) {
	type seen struct {
		key string
		raw []byte
	}
	var list []seen
	err = kv.Scan(ctx, s.KV, s.marks(), func(key string, value []byte) error {
		if key != s.marks()+s.Instance {
			list = append(list, seen{key, append([]byte{}, value...)})
		}
		return nil
	})
	for _, other := range list {
		var m mark
		if err := json.Unmarshal(other.raw, &m); err != nil {
			return true, fmt.Errorf("record %s: %w", other.key, err)
		}
		if alive, err := s.Alive(strings.TrimPrefix(other.key, s.marks())); err != nil || alive {
			there = true // what cannot be told lives
			continue
		}
		var next []byte
		switch now := s.Gate.Now(); {
		case m.Gone == 0:
			if next, err = json.Marshal(mark{Gone: now}); err != nil {
				return true, err
			}
			there = true
		case now <= m.Gone.Add(s.keep()):
			there = true
			continue
		}
		if _, err := s.KV.Update(ctx, map[string][]byte{other.key: other.raw}, map[string][]byte{other.key: next}); err != nil {
			return true, err
		}
	}
	return there, err
}
