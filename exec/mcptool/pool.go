package mcptool

import (
	"context"
	"errors"
	"fmt"

	"github.com/mythos-project/mythos/exec"
)

// slot is the place of one server in the pool. The holder of its token starts the server.
type slot struct {
	token   chan struct{}
	kept    *lease // shared by calls; nil: it has to be started
	initial bool   // the server is known to be an older one: send initialize at once
}

// lease is a session and the number of its users. Runner.mu guards it.
type lease struct {
	*session
	users   int
	retired bool // no further call uses it
	now     bool // kill it when its last user has gone
}

// maxKept is how many idle servers are kept.
const maxKept = 32

// keyOf names the server of a registration: everything but the tool and its bounds.
func keyOf(m exec.ModuleRef) (string, error) {
	m.Tool, m.Limits, m.Definition = "", nil, nil
	h, err := m.Hash()
	return h.String(), err
}

// acquire finds the session with a call's server, or starts one. fresh says which.
func (r *Runner) acquire(ctx context.Context, call exec.Call, x *exchange) (l *lease, fresh bool, err error) {
	key, err := keyOf(call.Module)
	if err != nil {
		return nil, false, err
	}
	s, err := r.slot(key)
	if err != nil {
		return nil, false, err
	}
	if l = r.share(s); l != nil {
		return l, false, nil
	}
	select {
	case s.token <- struct{}{}:
		defer func() { <-s.token }()
	case <-ctx.Done():
		return nil, false, ctx.Err()
	}
	if l = r.share(s); l != nil { // somebody else has started it meanwhile
		return l, false, nil
	}
	opened, err := r.open(ctx, call, x, &s.initial)
	if err != nil {
		return nil, false, err
	}
	l = &lease{session: opened, users: 1}
	r.mu.Lock()
	defer r.mu.Unlock()
	if l.retired = r.closed; !l.retired {
		s.kept = l
		r.trim(s)
	}
	return l, true, nil
}

var errClosed = errors.New("mcp: the runner is closed")

func (r *Runner) slot(key string) (*slot, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return nil, errClosed
	}
	s := r.pool[key]
	if s == nil {
		if r.pool == nil {
			r.pool = make(map[string]*slot)
		}
		s = &slot{token: make(chan struct{}, 1)}
		r.pool[key] = s
	}
	return s, nil
}

// share joins the session of a slot, if there is one.
func (r *Runner) share(s *slot) *lease {
	r.mu.Lock()
	defer r.mu.Unlock()
	l := s.kept
	if l == nil {
		return nil
	}
	if l.retired || l.link.down() || l.link.changed() != nil {
		r.retire(s, false)
		return nil
	}
	l.users++
	return l
}

// retire prevents further calls from using the session of a slot. r.mu is held.
func (r *Runner) retire(s *slot, now bool) {
	l := s.kept
	if l == nil {
		return
	}
	s.kept, l.retired, l.now = nil, true, l.now || now
	if l.users == 0 {
		r.end(l)
	}
}

// end closes an idle session in the background.
func (r *Runner) end(l *lease) {
	now := l.now
	r.closing.Go(func() { l.link.close(now) })
}

// release ends a call's use of a session. bad means that no further call may use it, because the state of the server is
// unknown.
func (r *Runner) release(call exec.Call, l *lease, bad bool) {
	key, err := keyOf(call.Module)
	r.mu.Lock()
	defer r.mu.Unlock()
	l.users--
	if bad {
		if s := r.pool[key]; err == nil && s != nil && s.kept == l {
			s.kept = nil
		}
		l.retired, l.now = true, true
	}
	if l.retired && l.users == 0 {
		r.end(l)
	}
}

// trim ends an idle server's session if too many are kept. r.mu is held.
func (r *Runner) trim(but *slot) {
	kept := 0
	for _, s := range r.pool {
		if s.kept != nil {
			kept++
		}
	}
	for _, s := range r.pool {
		if kept <= maxKept {
			return
		}
		if s != but && s.kept != nil && s.kept.users == 0 {
			r.retire(s, false)
			kept--
		}
	}
}

// Close ends the kept servers and waits for their end.
func (r *Runner) Close() error {
	r.mu.Lock()
	r.closed = true
	for _, s := range r.pool {
		r.retire(s, false)
	}
	r.mu.Unlock()
	r.closing.Wait()
	return nil
}

// open starts or connects to a call's server and agrees on a version. initial says whether the server is known to be an
// older one; open sets it if it turns out so.
func (r *Runner) open(ctx context.Context, call exec.Call, x *exchange, initial *bool) (*session, error) {
	s := &session{tools: catalogue{token: make(chan struct{}, 1)}}
	connect := func() (err error) {
		if call.Module.URL != "" {
			s.link = newEndpoint(call.Module.URL)
			return nil
		}
		s.link, err = r.startProgram(call, s.tools.changed, nil)
		return err
	}
	if err := connect(); err != nil {
		return nil, err
	}
	if !*initial {
		err := probe(ctx, s.link, x)
		if err == nil {
			s.version = modern
			return s, nil
		}
		if ctx.Err() != nil || unreachable(err) {
			return nil, r.failed(ctx, s.link, "the probe for a newer version", err)
		}
		if !errors.Is(err, errOlder) { // it may be in any state
			s.link.close(true)
			if err := connect(); err != nil {
				return nil, err
			}
		}
	}
	var err error
	if s.version, err = greet(ctx, s.link, x); err != nil {
		return nil, r.failed(ctx, s.link, initialize, err)
	}
	*initial = true
	return s, nil
}

// failed closes a link that could not be opened, and returns why.
func (r *Runner) failed(ctx context.Context, l link, asked string, err error) error {
	if p, ok := l.(*program); ok && ctx.Err() != nil {
		err = fmt.Errorf("%s: %w: %w", asked, p.why(), ctx.Err())
	} else {
		err = fmt.Errorf("%s: %w", asked, err)
	}
	l.close(true)
	return err
}
