package webhook

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/mythos-project/mythos/exec/approval"
	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/object/can"
	"github.com/mythos-project/mythos/store/kv"
)

// Limits of the outbox. The number of notices is that of requests that may wait.
const (
	tries    = 8
	lease    = each + 5*time.Second // until another process may try what a process has begun to send
	lookAt   = 5 * time.Second      // how often to look for notices that other processes left
	atEnd    = 2 * time.Second      // how long a process tries at its end
	together = 16                   // notices under way
	keep     = 24 * time.Hour       // how long to say that a notice was given up
	maxWhy   = 200                  // bytes
)

// record is the value under kv.Notices: a notice that has not been delivered.
type record struct {
	Next  object.Time `can:"1,next"`  // before that, no process tries
	Tries uint64      `can:"2,tries"` // begun
	Why   string      `can:"3,why,omitzero"`
}

// ended is the value under kv.GivenUp.
type ended struct {
	At  object.Time `can:"1,at"`
	Why string      `can:"2,why"`
}

// Undelivered is a notice that was given up.
type Undelivered struct {
	Approval object.Hash
	At       object.Time
	Why      string
}

// GivenUp returns the notices that were given up in the day before now.
func GivenUp(ctx context.Context, db kv.KV, now object.Time) (list []Undelivered, err error) {
	return list, eachEnded(ctx, db, func(_ string, u Undelivered) {
		if now < u.At.Add(keep) {
			list = append(list, u)
		}
	})
}

// Over adds what is no longer worth keeping, as deletions, to an update.
func Over(ctx context.Context, db kv.KV, now object.Time, put map[string][]byte) error {
	return eachEnded(ctx, db, func(key string, u Undelivered) {
		if now >= u.At.Add(keep) {
			put[key] = nil
		}
	})
}

func eachEnded(ctx context.Context, db kv.KV, do func(key string, u Undelivered)) error {
	return kv.Scan(ctx, db, kv.GivenUp, func(key string, raw []byte) error {
		e, err := object.Decode[ended](raw)
		if err != nil {
			return fmt.Errorf("%s: %w", key, err)
		}
		id, err := object.ParseHash(strings.TrimPrefix(key, kv.GivenUp))
		do(key, Undelivered{id, e.At, e.Why})
		return err
	})
}

// outbox is the part of a sender that outlives its process.
type outbox struct {
	begin   sync.Once
	wake    chan struct{}
	closing chan struct{}
	done    chan struct{}
}

// Note implements approval.Outbox.
func (s *Sender) Note(q *approval.Request, put map[string][]byte) error {
	raw, err := can.Marshal(&record{Next: s.o.Now()})
	put[kv.Notices+q.ID.String()] = raw
	return err
}

// Wake implements approval.Outbox: from now on until it ends, this process delivers what is noted, whoever noted it.
func (s *Sender) Wake() {
	s.begin.Do(func() { go s.run() })
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

func (s *Sender) run() {
	defer close(s.done)
	var end time.Time // of a process that closes
	for {
		pause := s.pass()
		if !end.IsZero() && (pause == 0 || time.Now().Add(pause).After(end)) {
			return
		}
		if pause == 0 || pause > lookAt {
			pause = lookAt
		}
		closing := s.closing
		if !end.IsZero() {
			closing = nil
		}
		select {
		case <-time.After(pause):
		case <-s.wake:
		case <-closing:
			end = time.Now().Add(atEnd)
		case <-s.ctx.Done():
			return
		}
	}
}

// Close tries for a moment to deliver what is left, if this process delivers at all. The rest is for another process.
func (s *Sender) Close() error {
	s.begin.Do(func() { close(s.done) })
	close(s.closing)
	select {
	case <-s.done:
	case <-time.After(atEnd):
	}
	s.cancel()
	<-s.done
	return nil
}

// due is a notice to send now.
type due struct {
	key string
	raw []byte
	rec record
	q   *approval.Request
}

// pass sends what is due, and returns how long to wait for what is left; 0: nothing is.
func (s *Sender) pass() time.Duration {
	list, next, err := s.due()
	if err != nil {
		s.o.Debugf("webhook: %v", err)
		next = earlier(next, s.o.Now().Add(lookAt))
	}
	var under sync.WaitGroup
	slots, left := make(chan struct{}, together), make(chan object.Time, len(list))
	for _, d := range list {
		slots <- struct{}{}
		under.Go(func() {
			defer func() { <-slots }()
			again, err := s.deliver(d)
			if err != nil {
				s.o.Debugf("webhook: approval %s is not told: %v", d.q.ID.Short(), err)
			}
			if again != 0 {
				left <- again
			}
		})
	}
	under.Wait()
	close(left)
	for again := range left {
		next = earlier(next, again)
	}
	if next == 0 {
		return 0
	}
	return max(next.Std().Sub(s.o.Now().Std()), time.Millisecond)
}

func earlier(a, b object.Time) object.Time {
	if a == 0 {
		return b
	}
	return min(a, b)
}

// due returns what to send now, and when what is left will be due. It removes notices of calls that no longer wait.
func (s *Sender) due() (list []due, next object.Time, err error) {
	var all []due
	err = kv.Scan(s.ctx, s.o.KV, kv.Notices, func(key string, raw []byte) error {
		rec, err := object.Decode[record](raw)
		if err == nil {
			all = append(all, due{key: key, raw: append([]byte{}, raw...), rec: *rec})
		}
		return err
	})
	over := map[string][]byte{}
	for _, d := range all {
		st, ferr := s.o.Find(s.ctx, strings.TrimPrefix(d.key, kv.Notices))
		switch {
		case ferr != nil && !errors.Is(ferr, approval.ErrNone):
			err = errors.Join(err, ferr)
		case ferr != nil || st.State != approval.Waiting && st.State != approval.Expired:
			_, ferr = s.replace(d, nil)
			err = errors.Join(err, ferr)
		case st.State == approval.Expired || d.rec.Tries >= tries && d.rec.Next <= s.o.Now():
			err = errors.Join(err, s.giveUp(d, st.ID), Over(s.ctx, s.o.KV, s.o.Now(), over))
		case d.rec.Next > s.o.Now():
			next = earlier(next, d.rec.Next)
		default:
			d.q = st.Request
			list = append(list, d)
		}
	}
	if len(over) > 0 {
		_, oerr := s.o.KV.Update(s.ctx, nil, over)
		err = errors.Join(err, oerr)
	}
	return list, next, err
}

// replace puts another record in place of a notice's, or none. The error is errTaken if another process was first.
func (s *Sender) replace(d due, rec *record) (due, error) {
	var put []byte
	var err error
	if rec != nil {
		if put, err = can.Marshal(rec); err != nil {
			return d, err
		}
		d.rec = *rec
	}
	ok, err := s.o.KV.Update(context.WithoutCancel(s.ctx), map[string][]byte{d.key: d.raw}, map[string][]byte{d.key: put})
	if err == nil && !ok {
		err = errTaken
	}
	d.raw = put
	return d, err
}

var errTaken = errors.New("another process sends it")

func (s *Sender) giveUp(d due, id object.Hash) error {
	why := "it was over before any process tried"
	if d.rec.Tries > 0 {
		why = fmt.Sprintf("try %d: %s", d.rec.Tries, d.rec.Why)
	}
	raw, err := can.Marshal(&ended{s.o.Now(), why})
	if err == nil {
		_, err = s.o.KV.Update(context.WithoutCancel(s.ctx), map[string][]byte{d.key: d.raw}, map[string][]byte{d.key: nil, kv.GivenUp + id.String(): raw})
	}
	return err
}

const cutOff = "its process ended"

// deliver claims a notice and sends it. again says when it is due again; 0: not.
func (s *Sender) deliver(d due) (again object.Time, err error) {
	d, err = s.replace(d, &record{Next: s.o.Now().Add(lease), Tries: d.rec.Tries + 1, Why: cutOff})
	if err != nil {
		return s.o.Now().Add(lease), err
	}
	sent := s.send(d.q)
	if sent == nil {
		_, err = s.replace(d, nil)
		return 0, err
	}
	if s.ctx.Err() == nil {
		d.rec.Why = strings.ToValidUTF8(sent.Error()[:min(len(sent.Error()), maxWhy)], "\uFFFD")
	}
	if d.rec.Tries >= tries {
		return 0, errors.Join(sent, s.giveUp(d, d.q.ID))
	}
	d.rec.Next = s.o.Now().Add(s.o.First << (d.rec.Tries - 1))
	rec := d.rec
	_, err = s.replace(d, &rec)
	return rec.Next, errors.Join(sent, err)
}
