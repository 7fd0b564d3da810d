package session

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/mythos-project/mythos/internal/jsontext"
	"github.com/mythos-project/mythos/ledger"
	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/store/kv"
)

// Members of a request's _meta that say which call it is.
const (
	metaKey    = "mythos/idempotencyKey"
	metaClaude = "claudecode/toolUseId"
)

// maxKey is how long a key of a client may be, in bytes.
const maxKey = 1024

// ErrKey means that what a client sends as a key is none.
var ErrKey = errors.New("a key is a text of 1 to 1024 bytes")

// key is under which key a call happens.
type key struct {
	text    string // empty: none
	adopted bool
	record  string // of the awaited call; empty: the client's own key needs none
	riders  []ledger.Rider
}

// keyFor finds the key of a call: the first of what the client sends, what the tool's policy
// names, a call whose client went away, a fresh one. Each begins with the agent's name.
func (s *Session) keyFor(ctx context.Context, c Call) (key, error) {
	for _, source := range []struct{ member, letter string }{{metaKey, "k"}, {metaClaude, "t"}} {
		raw := c.Meta.Get(source.member)
		if raw == nil {
			continue
		}
		text, err := jsontext.TextOf(raw)
		if err != nil || text == "" || len(text) > maxKey {
			return key{}, fmt.Errorf("_meta %q: %w", source.member, ErrKey)
		}
		return key{text: s.named(c, source.letter, text)}, nil
	}
	return s.awaiting(ctx, c)
}

func (s *Session) named(c Call, letter, text string) string {
	name := s.Agent + "/" + letter + "/" + text
	if c.Round != "" {
		name += "/" + c.Round
	}
	return name
}

// awaited is the record of a call whose answer was not written yet.
type awaited struct {
	Key      string      `json:"key"`
	Instance string      `json:"instance"`
	At       object.Time `json:"at"`             // when it began
	Gone     object.Time `json:"gone,omitempty"` // when its client went away; 0: that is not known
}

// slot begins the records of equal calls.
func (s *Session) slot(c Call) string {
	about := fmt.Sprintf("%d:%s%s%s%s", len(s.Agent), s.Agent, c.Tool.ID, object.Sum(c.Request), c.Round)
	return kv.Awaited + object.Sum([]byte(about)).String() + "/"
}

// awaiting takes over the oldest equal call whose client went away, or begins one that is
// awaited: its record is made with its register.
func (s *Session) awaiting(ctx context.Context, c Call) (key, error) {
	slot := s.slot(c)
	if again, err := s.adopt(ctx, slot); err != nil || again.adopted {
		return again, err
	}
	text := s.named(c, "o", strings.ToLower(rand.Text()))
	record := slot + object.Sum([]byte(text)).String()
	raw, err := json.Marshal(awaited{Key: text, Instance: s.Instance, At: s.Gate.Now()})
	if err != nil {
		return key{}, err
	}
	put := map[string][]byte{record: raw}
	ride := func(func(string) ([]byte, error)) (map[string][]byte, error) { return put, nil }
	return key{text: text, record: record, riders: []ledger.Rider{{Size: len(record) + len(raw), Ride: ride}}}, nil
}

// adopt takes over a call of which the client went away, if there is one. Old ones are
// forgotten.
func (s *Session) adopt(ctx context.Context, slot string) (found key, err error) {
	type left struct {
		record string
		raw    []byte
		awaited
	}
	var all []left
	err = kv.Scan(ctx, s.KV, slot, func(record string, value []byte) error {
		l := left{record: record, raw: bytes.Clone(value)}
		if err := json.Unmarshal(l.raw, &l.awaited); err != nil {
			return fmt.Errorf("record %s: %w", record, err)
		}
		all = append(all, l)
		return nil
	})
	if err != nil || len(all) == 0 {
		return key{}, err
	}
	var best *left
	for i := range all {
		l := &all[i]
		orphan, err := s.orphan(l.awaited)
		switch {
		case err != nil:
			return key{}, err
		case !orphan:
		case s.old(l.awaited):
			s.gone.add(l.record)
		case best == nil || l.At < best.At:
			best = l
		}
	}
	if best == nil {
		return key{}, nil
	}
	mine := awaited{Key: best.Key, Instance: s.Instance, At: best.At}
	raw, err := json.Marshal(mine)
	if err != nil {
		return key{}, err
	}
	ok, err := s.KV.Update(ctx, map[string][]byte{best.record: best.raw}, map[string][]byte{best.record: raw})
	if err != nil {
		return key{}, err
	}
	if !ok { // taken by an equal call: that one is awaited now
		return s.adopt(ctx, slot)
	}
	return key{text: best.Key, adopted: true, record: best.record}, nil
}

// orphan reports whether nobody waits for a call any more.
func (s *Session) orphan(a awaited) (bool, error) {
	if a.Gone != 0 {
		return true, nil
	}
	if a.Instance == s.Instance {
		return false, nil
	}
	alive, err := s.Alive(a.Instance)
	return err == nil && !alive, err
}

// old reports whether an orphan has waited long enough.
func (s *Session) old(a awaited) bool {
	keep := s.Keep
	if keep == 0 {
		keep = KeepDefault
	}
	since := max(a.At, a.Gone)
	return s.Gate.Now() > since.Add(keep)
}

// leave says that the client of a call went away before its answer was written.
func (s *Session) leave(record string) error {
	ctx, cancel := context.WithTimeout(context.Background(), forgetTime)
	defer cancel()
	for {
		raw, err := kv.GetOrNil(ctx, s.KV, record)
		if err != nil || raw == nil {
			return err // it was never registered
		}
		var a awaited
		if err := json.Unmarshal(raw, &a); err != nil {
			return err
		}
		a.Gone = s.Gate.Now()
		now, err := json.Marshal(a)
		if err != nil {
			return err
		}
		if ok, err := s.KV.Update(ctx, map[string][]byte{record: raw}, map[string][]byte{record: now}); ok || err != nil {
			return err
		}
	}
}

// Answered says that the answer of a call was written: nobody takes it over any more.
func (s *Session) Answered(r Reply) {
	if r.awaited != "" {
		s.gone.add(r.awaited)
	}
}

// Close waits until what was answered is forgotten.
func (s *Session) Close() error {
	s.begin()
	return s.gone.close()
}

const forgetTime = 10 * time.Second
