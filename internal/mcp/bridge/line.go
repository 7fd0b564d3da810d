package bridge

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"sync"
	"time"

	"github.com/mythos-project/mythos/internal/mcp/door"
)

// line is one client of a speaker. It is the speaker's output.
type line struct {
	agent, session string
	in             *io.PipeWriter
	ended          chan struct{}
	touched        time.Time // guarded by the bridge

	writing sync.Mutex // held by the writer to the speaker

	mu     sync.Mutex
	open   map[string]*stream // requests that wait for their answer, by id
	latest *stream
	own    *stream  // for what belongs to no request; nil: the client has not opened it
	unsaid [][]byte // until it has
	size   int      // of unsaid, in bytes
}

const (
	maxUnsaid  = 256     // messages that are held for a client that does not listen yet
	unsaidSize = 4 << 20 // bytes of them
)

// over reports whether the speaker has ended.
func (l *line) over() bool {
	select {
	case <-l.ended:
		return true
	default:
		return false
	}
}

// hangUp tells the speaker that the client has nothing more to say. Work under way continues.
func (l *line) hangUp() {
	_ = l.in.Close() // it never fails
	l.mu.Lock()
	own := l.own
	l.mu.Unlock()
	if own != nil {
		own.end()
	}
}

// say writes a message to the speaker.
func (l *line) say(text []byte) error {
	l.writing.Lock()
	defer l.writing.Unlock()
	_, err := l.in.Write(append(bytes.Clone(text), '\n'))
	return err
}

// exchange passes a message on and waits for its answer. It reports whether the answer was written.
func (l *line) exchange(w http.ResponseWriter, r *http.Request, m message) bool {
	if m.id == nil || m.method == "" {
		if err := l.say(m.text); err != nil {
			http.Error(w, "this session has ended", http.StatusNotFound)
			return false
		}
		w.WriteHeader(http.StatusAccepted)
		return true
	}
	s := newStream(w, m)
	if !l.enter(s) {
		refuse(w, http.StatusBadRequest, m, codeInvalid, "this id is that of a request under way")
		return true
	}
	defer l.leave(s)
	if err := l.say(m.text); err != nil {
		if l.session == "" || m.method == "initialize" {
			refuse(w, http.StatusBadGateway, m, codeServer, err.Error())
		} else {
			http.Error(w, "this session has ended", http.StatusNotFound)
		}
		return false
	}
	ticker := time.NewTicker(tick)
	defer ticker.Stop()
	for {
		select {
		case <-s.done:
			return s.answered
		case <-ticker.C:
			s.beat()
		case <-l.ended:
			s.end()
			return s.answered
		case <-r.Context().Done():
			if s.end(); !s.answered {
				_ = l.say(fmt.Appendf(nil, `{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":%s,"reason":"the client is gone"}}`, m.id))
			}
			return s.answered
		}
	}
}

func (l *line) enter(s *stream) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.open[door.IDKey(s.id)] != nil {
		return false
	}
	l.open[door.IDKey(s.id)], l.latest = s, s
	return true
}

func (l *line) leave(s *stream) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.open, door.IDKey(s.id))
	if l.latest == s {
		l.latest = nil
	}
}

// Write accepts one line of the speaker. The error for an answer that nobody waits for is ErrUnheard; other messages
// are held for a while.
func (l *line) Write(text []byte) (int, error) {
	m, err := parse(text)
	if err != nil {
		return 0, err
	}
	if m.method == "" {
		l.mu.Lock()
		s := l.open[door.IDKey(m.id)]
		l.mu.Unlock()
		if s == nil {
			return 0, ErrUnheard
		}
		if err := s.answer(m); err != nil {
			return 0, err
		}
		return len(text), nil
	}
	if s := l.streamOf(m); s != nil && s.tell(m.text) == nil {
		return len(text), nil
	}
	l.keep(m.text)
	return len(text), nil
}

// streamOf returns where a message that is not an answer belongs: to the request whose progress it reports, to the only
// one under way, to the client's own stream, or to the latest request.
func (l *line) streamOf(m message) *stream {
	l.mu.Lock()
	defer l.mu.Unlock()
	if m.progress != "" {
		for _, s := range l.open {
			if s.progress == m.progress {
				return s
			}
		}
	}
	if len(l.open) == 1 {
		for _, s := range l.open {
			return s
		}
	}
	if l.own != nil {
		return l.own
	}
	return l.latest
}

func (l *line) keep(text []byte) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.session != "" && len(l.unsaid) < maxUnsaid && l.size+len(text) <= unsaidSize {
		l.unsaid, l.size = append(l.unsaid, bytes.Clone(text)), l.size+len(text)
	}
}

// news serves the stream of what belongs to no request, as long as the client has it open.
func (l *line) news(w http.ResponseWriter, r *http.Request) {
	s := newStream(w, message{})
	l.mu.Lock()
	if l.own != nil {
		l.mu.Unlock()
		http.Error(w, "this session has such a stream", http.StatusConflict)
		return
	}
	l.own = s
	unsaid := l.unsaid
	l.unsaid, l.size = nil, 0
	l.mu.Unlock()
	defer func() {
		s.end()
		l.mu.Lock()
		defer l.mu.Unlock()
		l.own = nil
	}()
	s.beat()
	for _, text := range unsaid {
		if s.tell(text) != nil {
			return
		}
	}
	ticker := time.NewTicker(tick)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
			s.beat()
		case <-s.done:
			return
		case <-l.ended:
			return
		case <-r.Context().Done():
			return
		}
	}
}

// stream is an HTTP answer that is being written: one message, or events.
type stream struct {
	id       json.RawMessage
	progress string
	modern   bool

	mu       sync.Mutex
	w        http.ResponseWriter // nil: nobody reads any more
	events   bool
	done     chan struct{}
	answered bool // read after end, or after done
}

func newStream(w http.ResponseWriter, m message) *stream {
	return &stream{id: m.id, progress: m.progress, modern: m.version >= modern, w: w, done: make(chan struct{})}
}

// end prevents further writing.
func (s *stream) end() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.finish()
}

func (s *stream) finish() {
	if s.w != nil {
		s.w = nil
		close(s.done)
	}
}

// beat sends a sign of life.
func (s *stream) beat() {
	s.mu.Lock()
	defer s.mu.Unlock()
	_ = s.write([]byte(": \n\n")) // it is noticed elsewhere that the client is gone
}

// tell writes a message that is not an answer.
func (s *stream) tell(text []byte) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.write(event(text))
}

func event(text []byte) []byte {
	return append(append([]byte("event: message\ndata: "), text...), "\n\n"...)
}

// write writes events. s.mu is held.
func (s *stream) write(text []byte) error {
	if s.w == nil {
		return ErrUnheard
	}
	if !s.events {
		s.events = true
		h := s.w.Header()
		h.Set("Content-Type", "text/event-stream")
		h.Set("Cache-Control", "no-cache, no-transform")
	}
	err := s.send(text)
	if err != nil {
		s.finish()
	}
	return err
}

func (s *stream) send(text []byte) error {
	_, err := s.w.Write(text)
	if err == nil {
		err = http.NewResponseController(s.w).Flush()
	}
	if err != nil {
		return fmt.Errorf("%w: %w", ErrUnheard, err)
	}
	return nil
}

// answer writes the answer: without events, if nothing was written before it.
func (s *stream) answer(m message) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.w == nil {
		return ErrUnheard
	}
	text := m.text
	if s.events {
		text = event(text)
	} else {
		s.w.Header().Set("Content-Type", "application/json")
		if s.modern && m.code != "" {
			s.w.WriteHeader(statusOf(m.code))
		}
	}
	err := s.send(text)
	s.answered = err == nil
	s.finish()
	return err
}
