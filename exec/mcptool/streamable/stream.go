package streamable

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strconv"
	"time"

	"github.com/mythos-project/mythos/exec/httptool"
	"github.com/mythos-project/mythos/exec/output"
)

// stream reads server-sent events.
type stream struct {
	endpoint *Endpoint
	client   httptool.Client
	limit    int64
	each     func(text []byte) (last bool)

	last  string        // the id of the last event; empty: it had none
	pause time.Duration // pause before a reconnect that the server asks for; 0: none
	found bool          // each has returned true
}

const (
	pauseFirst = 500 * time.Millisecond // pause before a broken stream is resumed
	pauseMost  = 30 * time.Second
	maxBroken  = 8 // consecutive streams without an event
)

// read reads a stream to its end, and resumes it if it breaks.
func (s *stream) read(ctx context.Context, body io.ReadCloser) error {
	for broken := 0; ; broken++ {
		before := s.last
		err := s.events(body)
		_ = body.Close() // the rest is not read
		if s.last != before {
			broken = 0
		}
		var tooLong *TooLongError
		switch {
		case s.found:
			return nil
		case errors.As(err, &tooLong), ctx.Err() != nil, s.last == "", broken >= maxBroken:
			return s.client.Hide(err)
		}
		if !wait(ctx, s.pauseFor(broken)) {
			return ctx.Err()
		}
		res, again := s.endpoint.listen(ctx, s.client, s.last)
		var status *StatusError
		switch {
		case errors.As(again, &status), errors.Is(again, ErrSession):
			return s.client.Hide(err) // it no longer has the rest
		case again != nil:
			body = http.NoBody
		default:
			body = res.Body
		}
	}
}

// pauseFor is the pause after so many consecutive streams without an event.
func (s *stream) pauseFor(broken int) time.Duration {
	if broken == 0 && s.pause > 0 {
		return s.pause
	}
	return max(s.pause, min(pauseFirst<<broken, pauseMost))
}

func wait(ctx context.Context, pause time.Duration) bool {
	timer := time.NewTimer(pause)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// event is a server-sent event.
type event struct {
	data []byte
	kind string
	id   string
	has  bool // an id
}

// events reads the events of one connection. The error says how it ended, unless s.found.
func (s *stream) events(body io.Reader) error {
	lines := output.NewLines(body)
	var e event
	for first := true; ; first = false {
		line, over, err := lines.Next(s.limit)
		if first {
			line = bytes.TrimPrefix(line, []byte("\xef\xbb\xbf"))
		}
		if over || int64(len(e.data)) > s.limit {
			return &TooLongError{s.limit}
		}
		if len(line) > 0 {
			s.field(&e, line)
		}
		if len(line) == 0 && err == nil {
			if s.dispatch(e); s.found {
				return nil
			}
			e = event{}
		}
		if errors.Is(err, io.EOF) && json.Valid(e.data) { // some servers omit the blank line after the last event
			if s.dispatch(e); s.found {
				return nil
			}
		}
		if errors.Is(err, io.EOF) {
			return ErrEnded
		}
		if err != nil {
			return err
		}
	}
}

const longestPause = 300 * 1000 // milliseconds

func (s *stream) field(e *event, line []byte) {
	name, value, _ := bytes.Cut(line, []byte(":"))
	value = bytes.TrimPrefix(value, []byte(" "))
	switch string(name) {
	case "data":
		e.data = append(append(e.data, value...), '\n')
	case "event":
		e.kind = string(value)
	case "id":
		if bytes.IndexByte(value, 0) < 0 {
			e.id, e.has = string(value), true
		}
	case "retry":
		if n, err := strconv.ParseUint(string(value), 10, 32); err == nil {
			s.pause = time.Duration(min(n, longestPause)) * time.Millisecond
		}
	}
}

func (s *stream) dispatch(e event) {
	if e.has {
		s.last = e.id
	}
	if len(bytes.TrimSpace(e.data)) > 0 && (e.kind == "" || e.kind == "message") {
		s.found = s.each(e.data)
	}
}

// listen opens the stream of a session, or resumes another stream after an event.
func (e *Endpoint) listen(ctx context.Context, client httptool.Client, after string) (*http.Response, error) {
	m := Message{Headers: http.Header{"Accept": {"text/event-stream"}}}
	if after != "" {
		m.Headers.Set("Last-Event-ID", after)
	}
	had := e.Session()
	res, err := e.do(ctx, client, http.MethodGet, m)
	if err != nil {
		return nil, err
	}
	if isStream(res) {
		return res, nil
	}
	_ = res.Body.Close() // its body is not needed
	if res.StatusCode == http.StatusNotFound && had != "" {
		return nil, ErrSession
	}
	return nil, &StatusError{Status: res.StatusCode, Text: res.Status}
}

// Listen calls each with messages that the server sends on its own, while it does and the session lasts. client returns
// the current client.
func (e *Endpoint) Listen(ctx context.Context, client func() (httptool.Client, error), limit int64, each func(text []byte)) {
	s := stream{endpoint: e, limit: limit, each: func(text []byte) bool { each(text); return false }}
	session := e.Session()
	for broken := 0; ctx.Err() == nil && e.Session() == session; broken++ {
		var err error
		if s.client, err = client(); err != nil {
			return
		}
		res, err := e.listen(ctx, s.client, s.last)
		var status *StatusError
		switch {
		case errors.Is(err, ErrSession), errors.As(err, &status) && status.Status < 500:
			return // it sends nothing, or the next message opens another session
		case err == nil:
			if errors.Is(s.events(res.Body), ErrEnded) {
				broken = 0
			}
			_ = res.Body.Close() // the rest is not read
		}
		wait(ctx, s.pauseFor(min(broken, maxBroken)))
	}
}
