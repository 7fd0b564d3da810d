package ingest

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/mythos-project/mythos/internal/jsontext"
	"github.com/mythos-project/mythos/object"
)

// mcp reads JSON lines of JSON-RPC messages of the Model Context Protocol, or batches of
// them, as they are or as the member message, msg or data of an object that may have a
// timestamp and a direction. Every request tools/call with its response is an episode
// with that one call.
type mcp struct{}

// Name implements Reader.
func (mcp) Name() string { return "mcp" }

// Code implements Reader.
func (mcp) Code() object.Hash { return object.SumText("mythos.import.mcp/2") }

// Read implements Reader.
func (mcp) Read(r io.Reader, h Handler) error {
	s := &mcpSession{h: h}
	s.begin()
	err := eachLine(r, func(where string, line []byte) error {
		if err := jsontext.Check(line); err != nil {
			return h.Bad(&RecordError{where, err.Error()})
		}
		return s.line(where, line)
	})
	if err != nil {
		return err
	}
	return s.rest()
}

// mcpMessage is one JSON-RPC message.
type mcpMessage struct {
	jsontext.Fields
	id     string // canonical; empty: a notification
	method string // empty: a response
	side   side   // who sent it
	time   object.Time
	source []byte
}

// side is a side of a connection.
type side uint8

const (
	unknown side = iota
	client
	server
)

// other is who receives what a side sends.
func (s side) other() side {
	switch s {
	case client:
		return server
	case server:
		return client
	}
	return unknown
}

// sides are the words by which logs tell who sent a message. A log that says out and in
// is taken to be the client's.
var sides = map[string]side{"client": client, "out": client, "outgoing": client, "sent": client, "send": client, "c2s": client, "client_to_server": client, "client->server": client,
	"client-to-server": client, "to_server": client, "server": server, "in": server, "incoming": server, "received": server, "recv": server, "receive": server, "s2c": server,
	"server_to_client": server, "server->client": server, "server-to-client": server, "from_server": server}

// methodSides are the requests that one side alone sends.
var methodSides = map[string]side{"initialize": client, "tools/call": client, "tools/list": client, "resources/list": client, "resources/read": client,
	"resources/templates/list": client, "resources/subscribe": client, "resources/unsubscribe": client, "prompts/list": client, "prompts/get": client,
	"completion/complete": client, "logging/setLevel": client,
	"roots/list": server, "sampling/createMessage": server, "elicitation/create": server}

// line reads a line: a message, a batch, or an object around one of them.
func (s *mcpSession) line(where string, line []byte) error {
	inner, from, at, err := unwrap(line)
	if err != nil {
		return s.h.Bad(&RecordError{where, err.Error()})
	}
	if jsontext.Kind(inner) != '[' {
		return s.read(where, line, inner, from, at)
	}
	batch, err := jsontext.ListOf(inner)
	if err != nil || len(batch) == 0 {
		return s.h.Bad(&RecordError{where, "it is an empty batch"})
	}
	for i, raw := range batch {
		if err := s.read(fmt.Sprintf("%s, message %d of the batch", where, i+1), jsontext.Compact(raw), raw, from, at); err != nil {
			return err
		}
	}
	return nil
}

// unwrap finds the message in what a log wrote around it.
func unwrap(line []byte) (inner json.RawMessage, from side, at object.Time, err error) {
	if jsontext.Kind(line) == '[' {
		return line, unknown, 0, nil
	}
	l, err := jsontext.FieldsOf(line)
	if err != nil {
		return nil, unknown, 0, err
	}
	if l.Has("jsonrpc") {
		at, err = firstTime(l.Get("timestamp"), l.Get("time"), l.Get("ts"))
		return line, unknown, at, err
	}
	for _, name := range []string{"direction", "dir", "from", "sender", "side", "type"} {
		word, err := jsontext.PlainText(l.Get(name))
		if err == nil && sides[word] != unknown {
			from = sides[word]
			break
		}
	}
	if at, err = firstTime(l.Get("timestamp"), l.Get("time"), l.Get("ts")); err != nil {
		return nil, from, 0, err
	}
	for _, name := range []string{"message", "msg", "data"} {
		raw := l.Get(name)
		if jsontext.Kind(raw) == '"' { // some logs hold the message as a text
			text, err := jsontext.TextOf(raw)
			if err != nil {
				return nil, from, at, err
			}
			if raw = json.RawMessage(text); jsontext.Check(raw) != nil {
				continue
			}
		}
		if isMessage(raw) {
			return raw, from, at, nil
		}
	}
	return nil, from, at, errors.New("it is no JSON-RPC message, and has none as message, msg or data")
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

// read takes one message.
func (s *mcpSession) read(where string, source []byte, raw json.RawMessage, from side, at object.Time) error {
	m, err := readMCP(raw)
	if err != nil {
		return s.h.Bad(&RecordError{where, err.Error()})
	}
	m.time, m.source = at, source
	m.side = s.sender(from, m.method)
	reason, err := s.message(m)
	if err != nil || reason == "" {
		return err
	}
	return s.h.Bad(&RecordError{where, reason})
}

// sender tells who sent a message. A log of the server says in and out the other way
// round; the first request that only one side sends shows it.
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
		return nil, errors.New("it is no JSON-RPC message: it has no member jsonrpc")
	}
	if m.method, err = jsontext.PlainText(f.Get("method")); err != nil {
		return nil, err
	}
	m.id, err = mcpID(f.Get("id"))
	return m, err
}

// mcpID is an id as a key: 1 and 1.0 are the same number, 1 and "1" are not the same id.
func mcpID(raw json.RawMessage) (string, error) {
	switch {
	case raw == nil:
		return "", nil
	case jsontext.Kind(raw) == '"':
		text, err := jsontext.TextOf(raw)
		return `"` + text, err
	case jsontext.IsNumber(raw):
		if n, ok := wholeOf(string(raw)); ok {
			return n.String(), nil
		}
		return string(raw), nil
	}
	return "", fmt.Errorf("the id %s is neither a number nor a text", jsontext.Describe(raw))
}
