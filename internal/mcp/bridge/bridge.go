// Package bridge is the server's side of the streamable HTTP transport, in front of programs that speak the Model
// Context Protocol in lines. Messages are passed on unchanged.
//
// In versions with sessions, each session has its own program. From 2026-07-28 on each request has one while it lasts,
// which then waits for the next. If a client's connection ends before its answer was written, its request counts as
// cancelled.
package bridge

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync"
	"time"

	"github.com/mythos-project/mythos/internal/mcp/door"
)

// Speaker talks to one client in lines, until in has ended. If a write returns an error that wraps ErrUnheard, nobody
// received it; the next one may be received.
type Speaker interface {
	Serve(ctx context.Context, in io.Reader, out io.Writer) error
}

// ErrUnheard means that nobody waits for a message any more.
var ErrUnheard = errors.New("nobody waits for it any more")

// ErrToken means that a token belongs to nobody.
var ErrToken = errors.New("no agent has this token")

// Bridge serves agents over HTTP. A request's bearer token says whose it is. All exported
// fields are set before the first request.
type Bridge struct {
	// Agent returns the agent of a token. The error wraps ErrToken if the token belongs to nobody.
	Agent func(ctx context.Context, token string) (name string, err error)
	// Open makes a speaker for a client of an agent.
	Open func(ctx context.Context, agent string) (Speaker, error)
	// Params calls add with each argument of a tool that must also be in a header; nil: there are none.
	Params func(ctx context.Context, tool string, arguments []byte, add func(header, text string))
	Notef  func(format string, args ...any)
	// Until ends everything.
	Until context.Context //nolint:containedctx // it is the process's

	mu       sync.Mutex
	sessions map[string]*line
	opening  map[string]int           // by agent: sessions that are begun now
	idle     map[string][]*line       // by agent, the longest-waiting first
	used     map[string]chan struct{} // by agent: a token for each request without a session
	places   door.Places
	working  sync.WaitGroup
}

const (
	modern = "2026-07-28" // from this version on there are no sessions

	headerVersion = "Mcp-Protocol-Version"
	headerSession = "Mcp-Session-Id"

	maxBody     = 4 << 20 // bytes of a request
	maxSessions = 64      // of one agent
	maxRequests = 64      // of one agent at the same time, without sessions; further ones wait
	idleSession = time.Hour
	idleLine    = time.Minute
	tick        = 15 * time.Second // between two signs of life of a long request
)

// Handler answers at every path.
func (b *Bridge) Handler() http.Handler {
	b.sessions, b.opening, b.idle, b.used = map[string]*line{}, map[string]int{}, map[string][]*line{}, map[string]chan struct{}{}
	b.working.Go(b.sweep)
	return door.Once(http.NewCrossOriginProtection().Handler(http.HandlerFunc(b.serve)))
}

// Close waits until all work under way has ended. b.Until must have ended before.
func (b *Bridge) Close() { b.working.Wait() }

func (b *Bridge) serve(w http.ResponseWriter, r *http.Request) {
	if !door.Loopback(r.Host) {
		http.Error(w, "only this machine is served, under the name localhost", http.StatusForbidden)
		return
	}
	agent, err := "", error(ErrToken)
	if token := door.Bearer(r); token != "" {
		agent, err = b.Agent(r.Context(), token)
	}
	switch {
	case errors.Is(err, ErrToken):
		w.Header().Set("WWW-Authenticate", "Bearer")
		http.Error(w, "expected a bearer token of an agent", http.StatusUnauthorized)
	case err != nil:
		b.Notef("a token cannot be looked up: %v", err)
		http.Error(w, "the token cannot be looked up now", http.StatusServiceUnavailable)
	case r.Method == http.MethodPost:
		b.post(w, r, agent)
	case r.Method == http.MethodGet && r.Header.Get(headerVersion) < modern:
		b.listen(w, r, agent)
	case r.Method == http.MethodDelete && r.Header.Get(headerVersion) < modern:
		b.end(w, r, agent)
	default:
		w.Header().Set("Allow", "POST")
		http.Error(w, "expected POST", http.StatusMethodNotAllowed)
	}
}

// post handles one message.
func (b *Bridge) post(w http.ResponseWriter, r *http.Request, agent string) {
	leave, ok := b.places.Take(w, agent)
	if !ok {
		return
	}
	defer leave()
	m, ok := read(w, r)
	if !ok {
		return
	}
	if r.Header.Get(headerVersion) >= modern || m.version >= modern {
		b.single(w, r, agent, m)
		return
	}
	id := r.Header.Get(headerSession)
	if id == "" && m.method != "initialize" {
		refuse(w, http.StatusBadRequest, m, codeInvalid, "expected a session: initialize begins one")
		return
	}
	var l *line
	if id == "" {
		var err error
		if l, err = b.begin(agent); err != nil {
			refuse(w, http.StatusServiceUnavailable, m, codeServer, err.Error())
			return
		}
		w.Header().Set(headerSession, l.session)
	} else if l = b.session(id, agent); l == nil {
		http.Error(w, "this session is not known", http.StatusNotFound)
		return
	}
	l.exchange(w, r, m)
}

// begin begins a session.
func (b *Bridge) begin(agent string) (*line, error) {
	if err := b.room(agent); err != nil {
		return nil, err
	}
	l, err := b.open(agent)
	b.mu.Lock()
	defer b.mu.Unlock()
	b.opening[agent]--
	if err != nil {
		return nil, err
	}
	l.session = rand.Text()
	b.sessions[l.session] = l
	return l, nil
}

// room counts a session that is begun, where the agent may have another one.
func (b *Bridge) room(agent string) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	n := b.opening[agent]
	for _, l := range b.sessions {
		if l.agent == agent {
			n++
		}
	}
	if n >= maxSessions {
		return fmt.Errorf("this agent has %d sessions: end one", n)
	}
	b.opening[agent]++
	return nil
}

func (b *Bridge) session(id, agent string) *line {
	b.mu.Lock()
	defer b.mu.Unlock()
	l := b.sessions[id]
	if l == nil || l.agent != agent || l.over() {
		return nil
	}
	l.touched = time.Now()
	return l
}

// end ends a session at the client's request.
func (b *Bridge) end(w http.ResponseWriter, r *http.Request, agent string) {
	id := r.Header.Get(headerSession)
	l := b.session(id, agent)
	if l == nil {
		http.Error(w, "this session is not known", http.StatusNotFound)
		return
	}
	b.mu.Lock()
	delete(b.sessions, id)
	b.mu.Unlock()
	l.hangUp()
	w.WriteHeader(http.StatusNoContent)
}

// listen serves the stream of a session, for what belongs to no request.
func (b *Bridge) listen(w http.ResponseWriter, r *http.Request, agent string) {
	l := b.session(r.Header.Get(headerSession), agent)
	if l == nil {
		http.Error(w, "this session is not known", http.StatusNotFound)
		return
	}
	l.news(w, r)
}

// single gives a request of a version without sessions its own line.
func (b *Bridge) single(w http.ResponseWriter, r *http.Request, agent string, m message) {
	code, why := m.mismatch(r.Header)
	if m.method == "tools/call" && why == "" && b.Params != nil {
		b.Params(r.Context(), m.name, m.args, func(header, text string) {
			if differs(r.Header, header, text) {
				code, why = codeMismatch, fmt.Sprintf("the header %s %q differs from the body: %q", header, r.Header.Get(header), text)
			}
		})
	}
	if why != "" {
		refuse(w, http.StatusBadRequest, m, code, why)
		return
	}
	if m.id == nil { // no message concerns another request
		w.WriteHeader(http.StatusAccepted)
		return
	}
	used := b.tokens(agent)
	select {
	case used <- struct{}{}:
		defer func() { <-used }()
	case <-r.Context().Done():
		return
	}
	l, err := b.take(agent)
	if err != nil {
		refuse(w, http.StatusServiceUnavailable, m, codeServer, err.Error())
		return
	}
	if l.exchange(w, r, m) {
		b.keep(l)
	} else {
		l.hangUp()
	}
}

func (b *Bridge) tokens(agent string) chan struct{} {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.used[agent] == nil {
		b.used[agent] = make(chan struct{}, maxRequests)
	}
	return b.used[agent]
}

// take returns the most recently used line, or opens one.
func (b *Bridge) take(agent string) (*line, error) {
	b.mu.Lock()
	for idle := b.idle[agent]; len(idle) > 0; {
		l := idle[len(idle)-1]
		idle = idle[:len(idle)-1]
		b.idle[agent] = idle
		if !l.over() {
			b.mu.Unlock()
			return l, nil
		}
	}
	b.mu.Unlock()
	return b.open(agent)
}

func (b *Bridge) keep(l *line) {
	b.mu.Lock()
	defer b.mu.Unlock()
	l.touched = time.Now()
	b.idle[l.agent] = append(b.idle[l.agent], l)
}

// open opens a line.
func (b *Bridge) open(agent string) (*line, error) {
	s, err := b.Open(b.Until, agent)
	if err != nil {
		b.Notef("agent %s is not served: %v", agent, err)
		return nil, err
	}
	in, out := io.Pipe()
	l := &line{agent: agent, in: out, touched: time.Now(), ended: make(chan struct{}), open: map[string]*stream{}}
	b.working.Go(func() {
		defer close(l.ended)
		err := s.Serve(b.Until, in, l)
		_ = in.CloseWithError(errors.Join(io.ErrClosedPipe, err)) // a writer is told so
		if err != nil && b.Until.Err() == nil {
			b.Notef("agent %s: %v", agent, err)
		}
	})
	return l, nil
}

// sweep hangs up unused lines, and all of them at the end.
func (b *Bridge) sweep() {
	ticker := time.NewTicker(idleLine / 2)
	defer ticker.Stop()
	for {
		select {
		case now := <-ticker.C:
			b.hangUp(now)
		case <-b.Until.Done():
			b.hangUp(time.Now().Add(2 * idleSession))
			return
		}
	}
}

func (b *Bridge) hangUp(now time.Time) {
	b.mu.Lock()
	var old []*line
	for id, l := range b.sessions {
		if now.Sub(l.touched) > idleSession || l.over() {
			old = append(old, l)
			delete(b.sessions, id)
		}
	}
	for agent, list := range b.idle {
		n := 0
		for n < len(list) && now.Sub(list[n].touched) > idleLine {
			n++
		}
		old = append(old, list[:n]...)
		b.idle[agent] = list[n:]
	}
	b.mu.Unlock()
	for _, l := range old {
		l.hangUp()
	}
}
