package ingest

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/mythos-project/mythos/dataset/ingest/foreign"
	"github.com/mythos-project/mythos/internal/decimal"
	"github.com/mythos-project/mythos/internal/jsontext"
	"github.com/mythos-project/mythos/object"
)

// mcp reads JSON lines of JSON-RPC messages of the Model Context Protocol, or batches of them. They stand alone or are
// the member message, msg or data of an object that may have a timestamp, a direction and a session. Every request
// tools/call with its response is an episode with that one call.
type mcp struct{}

// Name implements foreign.Reader.
func (mcp) Name() string { return "mcp" }

// Code implements foreign.Reader.
func (mcp) Code() object.Hash { return object.SumText("mythos.import.mcp/3") }

// Read implements foreign.Reader.
func (mcp) Read(r io.Reader, h foreign.Handler) error {
	t := &transcript{h: h, sessions: map[string]*mcpSession{}}
	err := eachLine(r, func(where string, line []byte) error {
		if err := jsontext.Check(line); err != nil {
			return h.Bad(&foreign.RecordError{Where: where, Reason: err.Error()})
		}
		return t.line(where, line)
	})
	if err != nil {
		return err
	}
	for _, s := range t.order {
		if err := s.rest(); err != nil {
			return err
		}
	}
	return nil
}

// transcript tracks the sessions of a file, each with ids of its own.
type transcript struct {
	h        foreign.Handler
	sessions map[string]*mcpSession // by the log's names for them; empty if it has none
	order    []*mcpSession
}

// session returns the session with a name; first is the message that needs it.
func (t *transcript) session(name string, first *mcpMessage) *mcpSession {
	s, unnamed := t.sessions[name], t.sessions[""]
	// A client learns its session's name from the response to initialize.
	if unnamed != nil && (s == nil || s.open[client][first.id] == nil) && unnamed.answersFirst(first) {
		return unnamed
	}
	if s == nil {
		s = &mcpSession{h: t.h}
		s.begin()
		t.sessions[name], t.order = s, append(t.order, s)
	}
	return s
}

// mcpMessage is one JSON-RPC message.
type mcpMessage struct {
	jsontext.Fields
	id     string // canonical; empty: a notification
	method string // empty: a response
	side   side   // who sent it
	time   object.Time
	where  string
	source []byte
}

// side is a side of a connection.
type side uint8

const (
	unknown side = iota
	client
	server
)

// other is the receiver of a side's messages.
func (s side) other() side {
	switch s {
	case client:
		return server
	case server:
		return client
	}
	return unknown
}

// sides are the words with which logs name the sender. A log with out and in is assumed to be the client's.
var sides = map[string]side{"client": client, "out": client, "outgoing": client, "sent": client, "send": client, "c2s": client, "client_to_server": client, "client->server": client,
	"client-to-server": client, "to_server": client, "server": server, "in": server, "incoming": server, "received": server, "recv": server, "receive": server, "s2c": server,
	"server_to_client": server, "server->client": server, "server-to-client": server, "from_server": server}

// methodSides are the requests that only one side sends.
var methodSides = map[string]side{"initialize": client, "tools/call": client, "tools/list": client, "resources/list": client, "resources/read": client,
	"resources/templates/list": client, "resources/subscribe": client, "resources/unsubscribe": client, "prompts/list": client, "prompts/get": client,
	"completion/complete": client, "logging/setLevel": client,
	"roots/list": server, "sampling/createMessage": server, "elicitation/create": server}

// line reads a line: a message, a batch, or an object around one of them.
func (t *transcript) line(where string, line []byte) error {
	e, err := unwrap(line)
	if err != nil {
		return t.h.Bad(&foreign.RecordError{Where: where, Reason: err.Error()})
	}
	if jsontext.Kind(e.inner) != '[' {
		return t.read(where, line, e.inner, e)
	}
	batch, err := jsontext.ListOf(e.inner)
	if err != nil || len(batch) == 0 {
		return t.h.Bad(&foreign.RecordError{Where: where, Reason: "it is an empty batch"})
	}
	for i, raw := range batch {
		if err := t.read(fmt.Sprintf("%s, message %d of the batch", where, i+1), jsontext.Compact(raw), raw, e); err != nil {
			return err
		}
	}
	return nil
}

// envelope is the log's data around a message or a batch.
type envelope struct {
	inner   json.RawMessage
	from    side
	at      object.Time
	session string
}

// sessionNames are the members that distinguish sessions, and servers of one client.
var sessionNames = []string{"sessionId", "session_id", "session", "mcp-session-id", "mcp_session_id", "connectionId", "connection_id", "connection",
	"serverName", "server_name", "server"}

// read reads the members beside a message.
func (e *envelope) read(l jsontext.Fields) (err error) {
	for _, name := range sessionNames {
		if raw := l.Get(name); raw != nil {
			e.session += name + "=" + string(jsontext.Compact(raw)) + " "
		}
	}
	e.at, err = firstTime(l.Get("timestamp"), l.Get("time"), l.Get("ts"))
	return err
}

// unwrap finds the message in a log's envelope.
func unwrap(line []byte) (e envelope, err error) {
	if jsontext.Kind(line) == '[' {
		return envelope{inner: line}, nil
	}
	l, err := jsontext.FieldsOf(line)
	if err != nil {
		return e, err
	}
	if err := e.read(l); err != nil {
		return e, err
	}
	if l.Has("jsonrpc") {
		e.inner = line
		return e, nil
	}
	for _, name := range []string{"direction", "dir", "from", "sender", "side", "type"} {
		word, err := jsontext.PlainText(l.Get(name))
		if err == nil && sides[word] != unknown {
			e.from = sides[word]
			break
		}
	}
	for _, name := range []string{"message", "msg", "data"} {
		raw := l.Get(name)
		if jsontext.Kind(raw) == '"' { // some logs store the message as a text
			text, err := jsontext.TextOf(raw)
			if err != nil {
				return e, err
			}
			if raw = json.RawMessage(text); jsontext.Check(raw) != nil {
				continue
			}
		}
		if isMessage(raw) {
			e.inner = raw
			return e, nil
		}
	}
	return e, errors.New("it is not a JSON-RPC message, and has none as message, msg or data")
}

// isMessage reports whether JSON is a message or a batch.
func isMessage(raw json.RawMessage) bool {
	if jsontext.Kind(raw) == '[' {
		list, err := jsontext.ListOf(raw)
		return err == nil && len(list) > 0 && isMessage(list[0])
	}
	if jsontext.Kind(raw) != '{' {
		return false
	}
	f, err := jsontext.FieldsOf(raw)
	return err == nil && f.Get("jsonrpc") != nil
}

// read processes one message.
func (t *transcript) read(where string, source []byte, raw json.RawMessage, e envelope) error {
	m, err := readMCP(raw)
	if err != nil {
		return t.h.Bad(&foreign.RecordError{Where: where, Reason: err.Error()})
	}
	s := t.session(e.session, m)
	m.time, m.where, m.source = e.at, where, source
	m.side = s.sender(e.from, m.method)
	reason, err := s.message(m)
	if errors.Is(err, ErrLost) {
		return fmt.Errorf("%s: %w", where, err)
	}
	if err != nil || reason == "" {
		return err
	}
	return t.h.Bad(&foreign.RecordError{Where: where, Reason: reason})
}

// sender returns the sender of a message. In a server's log in and out are swapped; the first request that only one
// side sends reveals it.
func (s *mcpSession) sender(from side, method string) side {
	if known := methodSides[method]; known != unknown {
		if from != unknown {
			s.turned = from != known
		}
		return known
	}
	if s.turned {
		return from.other()
	}
	return from
}

func readMCP(raw json.RawMessage) (*mcpMessage, error) {
	f, err := jsontext.FieldsOf(raw)
	if err != nil {
		return nil, err
	}
	m := &mcpMessage{Fields: f}
	if f.Get("jsonrpc") == nil {
		return nil, errors.New("it is not a JSON-RPC message: it has no member jsonrpc")
	}
	if m.method, err = jsontext.PlainText(f.Get("method")); err != nil {
		return nil, err
	}
	m.id, err = mcpID(f.Get("id"))
	return m, err
}

// mcpID is an id as a key: 1 and 1.0 are the same number; 1 and "1" are different ids.
func mcpID(raw json.RawMessage) (string, error) {
	switch {
	case raw == nil:
		return "", nil
	case jsontext.Kind(raw) == '"':
		text, err := jsontext.TextOf(raw)
		return `"` + text, err
	case jsontext.IsNumber(raw):
		if n, ok := decimal.Parse(string(raw)); ok {
			return n.Key(), nil
		}
		return string(raw), nil
	}
	return "", fmt.Errorf("the id %s is neither a number nor a text", jsontext.Describe(raw))
}
