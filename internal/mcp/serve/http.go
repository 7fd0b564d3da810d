package serve

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync"
	"time"

	"github.com/modelcontextprotocol/go-sdk/auth"
	"github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/mythos-project/mythos/internal/jsontext"
	"github.com/mythos-project/mythos/internal/mcp/door"
)

// Front serves agents over HTTP. A request's bearer token says whose it is.
type Front struct {
	// Agent returns the agent of a token, and until when it is valid. The error wraps ErrToken if the token belongs to
	// nobody.
	Agent func(ctx context.Context, token string) (name string, until time.Time, err error)
	// Server serves an agent; it is the same one every time.
	Server func(ctx context.Context, agent string) (*Server, error)
	Notef  func(format string, args ...any)
	// Until ends the streams that only wait for news.
	Until context.Context //nolint:containedctx // it is the process's

	places door.Places

	mu   sync.Mutex
	open map[string]*ticket // requests in sessions that wait for their answer
}

// ErrToken means that a token belongs to nobody.
var ErrToken = errors.New("no agent has this token")

const (
	modernVersion = "2026-07-28" // from this version on there are no sessions
	versionHeader = "Mcp-Protocol-Version"
	sessionHeader = "Mcp-Session-Id"

	maxBody     = 4 << 20  // bytes of a request
	maxEvents   = 32 << 20 // bytes of answers that are held for clients that come back
	maxSessions = 256      // of one agent
	maxOpen     = 4096     // requests in sessions that wait for an answer
	idleTime    = time.Hour
)

// Handler answers at every path. A session belongs to one agent, and newer clients have none.
func (f *Front) Handler() http.Handler {
	f.open = map[string]*ticket{}
	events := mcp.NewMemoryEventStore(nil)
	events.SetMaxBytes(maxEvents)
	sessions := mcp.NewStreamableHTTPHandler(f.server, &mcp.StreamableHTTPOptions{EventStore: events, SessionTimeout: idleTime, MaxRequestBodyBytes: maxBody})
	modern := mcp.NewStreamableHTTPHandler(f.server, &mcp.StreamableHTTPOptions{Stateless: true, PropagateRequestCancellation: true, MaxRequestBodyBytes: maxBody})
	h := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get(versionHeader) >= modernVersion {
			f.pass(modern, w, r)
		} else {
			f.pass(sessions, w, r)
		}
	})
	return door.Once(http.NewCrossOriginProtection().Handler(auth.RequireBearerToken(f.verify, nil)(h)))
}

func (f *Front) verify(ctx context.Context, token string, _ *http.Request) (*auth.TokenInfo, error) {
	name, until, err := f.Agent(ctx, token)
	if errors.Is(err, ErrToken) {
		return nil, fmt.Errorf("%w: %w", auth.ErrInvalidToken, err)
	}
	if err != nil {
		return nil, err
	}
	return &auth.TokenInfo{UserID: name, Expiration: until}, nil
}

// server returns the agent's server; nil: it cannot be served now.
func (f *Front) server(r *http.Request) *mcp.Server {
	s, err := f.Server(r.Context(), auth.TokenInfoFromContext(r.Context()).UserID)
	if err != nil {
		f.Notef("an agent is not served: %v", err)
		return nil
	}
	return s.mcp
}

// pass gives a request a ticket, and passes it on.
func (f *Front) pass(to http.Handler, w http.ResponseWriter, r *http.Request) {
	session := r.Header.Get(sessionHeader)
	a := &answers{ResponseWriter: w, front: f, session: session}
	if r.Method != http.MethodPost {
		f.hang(to, a, r)
		return
	}
	leave, ok := f.places.Take(w, auth.TokenInfoFromContext(r.Context()).UserID)
	if !ok {
		return
	}
	defer leave()
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	var large *http.MaxBytesError
	if errors.As(err, &large) {
		http.Error(w, fmt.Sprintf("a request has at most %d bytes", maxBody), http.StatusRequestEntityTooLarge)
		return
	}
	if err != nil {
		http.Error(w, "the request ended early", http.StatusBadRequest)
		return
	}
	fields, err := jsontext.FieldsOf(bytes.TrimSpace(body))
	if err != nil {
		http.Error(w, "one JSON-RPC message is expected; batches are not taken", http.StatusBadRequest)
		return
	}
	id := ""
	if raw := fields.Get("id"); raw != nil {
		if id, err = door.ExactID(raw); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
	}
	if session == "" && f.crowded(r) {
		http.Error(w, fmt.Sprintf("this agent has %d sessions: end one", maxSessions), http.StatusServiceUnavailable)
		return
	}
	t := &ticket{gone: r.Context()}
	auth.TokenInfoFromContext(r.Context()).Extra = t.extra()
	a.own, a.id = t, id
	if session != "" && id != "" && fields.Has("method") {
		f.enter(session+" "+id, t)
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	if method, err := jsontext.TextOf(fields.Get("method")); err == nil && method == "subscriptions/listen" {
		f.hang(to, a, r)
		return
	}
	to.ServeHTTP(a, r)
}

// hang passes on a request without an end of its own.
func (f *Front) hang(to http.Handler, w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithCancel(r.Context())
	defer cancel()
	defer context.AfterFunc(f.Until, cancel)()
	to.ServeHTTP(w, r.WithContext(ctx))
}

func (f *Front) crowded(r *http.Request) bool {
	s := f.server(r)
	if s == nil {
		return false
	}
	n := 0
	for range s.Sessions() {
		n++
	}
	return n >= maxSessions
}

// enter remembers a request of a session: its answer may be read over another connection.
func (f *Front) enter(name string, t *ticket) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.open) >= maxOpen { // of ended sessions: nobody reads their answers
		for old := range f.open {
			delete(f.open, old)
			break
		}
	}
	if f.open[name] == nil {
		f.open[name] = t
	}
}

func (f *Front) take(name string) *ticket {
	f.mu.Lock()
	defer f.mu.Unlock()
	t := f.open[name]
	delete(f.open, name)
	return t
}

// answers is the way back: it sees which answers were written.
type answers struct {
	http.ResponseWriter
	front   *Front
	session string
	own     *ticket // of a POST
	id      string

	written []*ticket // not flushed yet
}

// Unwrap is for http.ResponseController.
func (a *answers) Unwrap() http.ResponseWriter { return a.ResponseWriter }

// Write writes one event, or one message.
func (a *answers) Write(data []byte) (int, error) {
	n, err := a.ResponseWriter.Write(data)
	if err == nil {
		a.note(data)
	}
	return n, err
}

// note finds out whose answer was written.
func (a *answers) note(data []byte) {
	if at := bytes.Index(data, []byte("data: ")); at >= 0 && data[0] != '{' {
		data = data[at+len("data: "):]
	}
	fields, err := jsontext.FieldsOf(bytes.TrimSpace(data))
	if err != nil || fields.Has("method") {
		return
	}
	id, err := door.ExactID(fields.Get("id"))
	if err != nil {
		return
	}
	if a.session != "" {
		if t := a.front.take(a.session + " " + id); t != nil {
			a.written = append(a.written, t)
			return
		}
	}
	if a.own != nil && a.id == id {
		a.written = append(a.written, a.own)
	}
}

// FlushError sends what was written: if that succeeds, it counts as answered.
func (a *answers) FlushError() error {
	err := http.NewResponseController(a.ResponseWriter).Flush()
	if err == nil {
		for _, t := range a.written {
			t.written(false)
		}
	}
	a.written = nil
	return err
}
