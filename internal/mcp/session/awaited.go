package session

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/mythos-project/mythos/internal/mcp/awaited"
	"github.com/mythos-project/mythos/ledger"
	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/store/kv"
)

// waiting is a call of this process whose answer was not yet written, with its record.
type waiting struct {
	ctx    context.Context //nolint:containedctx // it is the call's: who asks whether its client is there
	slot   string
	record string
	awaited.Call
}

// reads ends when the client went away, or has said its last word.
func (c Call) reads(ctx context.Context) context.Context {
	if c.Last == nil {
		return ctx
	}
	reads, end := context.WithCancel(ctx)
	forget := context.AfterFunc(c.Last, end)
	context.AfterFunc(ctx, func() { forget() })
	return reads
}

// slot is the prefix of the records of equal calls.
func (s *Session) slot(c Call) string {
	about := fmt.Sprintf("%d:%s%s%s%s", len(s.Agent), s.Agent, c.Tool.ID, object.Sum(c.Request), c.Round)
	return kv.Awaited + object.Sum([]byte(about)).String() + "/"
}

// awaiting takes over the oldest equal call whose client went away, or begins an awaited one: its record is written
// with its register.
func (s *Session) awaiting(ctx context.Context, c Call) (key, error) {
	slot := s.slot(c)
	if again, err := s.adopt(ctx, c, slot); err != nil || again.adopted {
		return again, err
	}
	if err := s.own(ctx); err != nil {
		return key{}, err
	}
	text, err := s.askedFor(ctx, c)
	if err != nil {
		return key{}, err
	}
	if text == "" || s.awaits(slot, text) {
		text = s.named(c, "o", strings.ToLower(rand.Text()))
	}
	w := &waiting{c.reads(ctx), slot, recordOf(slot, text), awaited.Call{Key: text, Instance: s.Instance, At: s.Gate.Now(), Keep: s.Keep}}
	s.enter(w)
	return w.key(false)
}

func recordOf(slot, text string) string { return slot + object.Sum([]byte(text)).String() }

// awaits reports whether a call of this process under a key is awaited now.
func (s *Session) awaits(slot, text string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.waiting[recordOf(slot, text)] != nil
}

func (s *Session) enter(w *waiting) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.waiting[w.record] = w
}

// key returns the key of a call, with the record that is written with its register.
func (w *waiting) key(adopted bool) (key, error) {
	raw, err := json.Marshal(w.Call)
	if err != nil {
		return key{}, err
	}
	put := map[string][]byte{w.record: raw}
	ride := func(func(string) ([]byte, error)) (map[string][]byte, error) { return put, nil }
	return key{w.Key, true, adopted, w, []ledger.Rider{{Size: len(w.record) + len(raw), Ride: ride}}}, nil
}

// adopt takes over a call whose client went away, if there is one: one of this process, even if it has no record yet,
// or else the oldest one with a record.
func (s *Session) adopt(ctx context.Context, c Call, slot string) (key, error) {
	if w := s.takeOver(c.reads(ctx), slot); w != nil {
		raw, err := json.Marshal(w.Call)
		if err == nil {
			_, err = s.KV.Update(ctx, nil, map[string][]byte{w.record: raw})
		}
		if err != nil {
			return key{}, err
		}
		return w.key(true)
	}
	if there, err := s.others(ctx); err != nil || !there {
		return key{}, err
	}
	best, err := s.oldest(ctx, slot)
	if err != nil || best == nil {
		return key{}, err
	}
	if err := s.own(ctx); err != nil {
		return key{}, err
	}
	w := &waiting{c.reads(ctx), slot, best.record, awaited.Call{Key: best.Key, Instance: s.Instance, At: best.At, Keep: s.Keep}}
	raw, err := json.Marshal(w.Call)
	if err != nil {
		return key{}, err
	}
	ok, err := s.KV.Update(ctx, map[string][]byte{best.record: best.raw}, map[string][]byte{best.record: raw})
	if err != nil {
		return key{}, err
	}
	if !ok { // an equal call was faster: it is now awaited
		return s.adopt(ctx, c, slot)
	}
	s.enter(w)
	return w.key(true)
}

// takeOver replaces a call of this process whose client went away.
func (s *Session) takeOver(ctx context.Context, slot string) *waiting {
	s.mu.Lock()
	defer s.mu.Unlock()
	var best *waiting
	for record, w := range s.waiting {
		switch {
		case w.ctx.Err() == nil:
		case w.Gone != 0 && s.old(w.Call):
			delete(s.waiting, record)
			s.gone.add(record)
		case w.slot == slot && (best == nil || w.At < best.At):
			best = w
		}
	}
	if best == nil {
		return nil
	}
	w := &waiting{ctx, slot, best.record, best.Call}
	w.Gone = 0
	s.waiting[w.record] = w
	return w
}

// stored is a record as it was read.
type stored struct {
	record string
	raw    []byte
	awaited.Call
}

// oldest returns the oldest call that another process began, and whose client went away; nil: there is none. Calls that
// waited long enough are forgotten.
func (s *Session) oldest(ctx context.Context, slot string) (*stored, error) {
	var all []stored
	err := kv.Scan(ctx, s.KV, slot, func(record string, value []byte) error {
		one := stored{record: record, raw: bytes.Clone(value)}
		if err := json.Unmarshal(one.raw, &one.Call); err != nil {
			return fmt.Errorf("record %s: %w", record, err)
		}
		all = append(all, one)
		return nil
	})
	if err != nil {
		return nil, err
	}
	var best *stored
	for i := range all {
		one := &all[i]
		orphan, err := s.orphan(one.Call)
		switch {
		case err != nil:
			return nil, err
		case !orphan:
		case s.old(one.Call):
			s.gone.add(one.record)
		case best == nil || one.At < best.At:
			best = one
		}
	}
	return best, nil
}

// orphan reports whether nobody waits for a call of another process any more.
func (s *Session) orphan(a awaited.Call) (bool, error) {
	if a.Instance == s.Instance { // takeOver knows better
		return false, nil
	}
	if a.Gone != 0 {
		return true, nil
	}
	alive, err := s.Alive(a.Instance)
	return err == nil && !alive, err
}

// old reports whether an orphan has waited long enough.
func (s *Session) old(a awaited.Call) bool { return a.Old(s.Gate.Now(), s.keep()) }

func (s *Session) keep() time.Duration {
	if s.Keep == 0 {
		return awaited.KeepDefault
	}
	return s.Keep
}

// watch records for other processes when the client of a call goes away; end stops that.
func (s *Session) watch(w *waiting) (end func()) {
	if w == nil {
		return func() {}
	}
	left := make(chan struct{})
	stop := context.AfterFunc(w.ctx, func() {
		defer close(left)
		s.gone.failed(s.leave(w))
	})
	return func() {
		if !stop() { // it may have been registered after that
			<-left
			s.gone.failed(s.leave(w))
		}
	}
}

// leave records that the client of a call went away, unless another call has taken it over.
func (s *Session) leave(w *waiting) error {
	ctx, cancel := context.WithTimeout(context.Background(), forgetTime)
	defer cancel()
	for {
		raw, err := kv.GetOrNil(ctx, s.KV, w.record)
		a, mine := s.left(w)
		if err != nil || raw == nil || !mine {
			return err
		}
		now, err := json.Marshal(a)
		if err != nil {
			return err
		}
		if ok, err := s.KV.Update(ctx, map[string][]byte{w.record: raw}, map[string][]byte{w.record: now}); ok || err != nil {
			return err
		}
	}
}

// left records when the client of a call went away, unless another call has taken it over.
func (s *Session) left(w *waiting) (a awaited.Call, mine bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if w.Gone == 0 {
		w.Gone = s.Gate.Now()
	}
	return w.Call, s.waiting[w.record] == w
}

// Answered reports that the answer of a call was written: nobody takes it over any more.
func (s *Session) Answered(r Reply) {
	if r.waiting == nil {
		return
	}
	s.mu.Lock()
	delete(s.waiting, r.waiting.record)
	s.mu.Unlock()
	s.gone.add(r.waiting.record)
}

// Unread says that the answer of a call was written after its client had said its last word. Nobody knows whether it
// was read: the next equal call takes it over.
func (s *Session) Unread(r Reply) {
	if r.waiting != nil {
		s.gone.failed(s.leave(r.waiting))
	}
}

// Drain is how long a client that has no more to say over lines may still be answered.
const Drain = 30 * time.Second

// Close waits until what was answered is forgotten.
func (s *Session) Close() error {
	s.begin()
	if err := s.gone.close(); err != nil {
		return err
	}
	return s.unmark()
}
