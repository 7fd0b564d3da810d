package ingest

import (
	"bytes"
	"encoding/json"
	"io"
	"maps"
	"slices"

	"github.com/mythos-project/mythos/object"
)

// mcp reads JSON lines of JSON-RPC messages of the Model Context Protocol, as they are or
// as the member message, msg or data of an object that may have a timestamp. Every request
// tools/call with its response is an episode with that one call.
type mcp struct{}

// Name implements Reader.
func (mcp) Name() string { return "mcp" }

// Code implements Reader.
func (mcp) Code() object.Hash { return object.SumText("mythos.import.mcp/1") }

type mcpLine struct {
	mcpMessage
	Message   json.RawMessage `json:"message"`
	Msg       json.RawMessage `json:"msg"`
	Data      json.RawMessage `json:"data"`
	Timestamp json.RawMessage `json:"timestamp"`
	Time      json.RawMessage `json:"time"`
	TS        json.RawMessage `json:"ts"`
}

type mcpMessage struct {
	JSONRPC string          `json:"jsonrpc"`
	ID      json.RawMessage `json:"id"`
	Method  string          `json:"method"`
	Params  json.RawMessage `json:"params"`
	Result  json.RawMessage `json:"result"`
	Error   json.RawMessage `json:"error"`
}

// mcpCall is a call that waits for its response.
type mcpCall struct {
	number int // calls before it
	source []byte
	call   Call
}

// Read implements Reader.
func (mcp) Read(r io.Reader, fn func(*Record) error, bad func(*RecordError) error) error {
	s := &mcpSession{waiting: map[string]*mcpCall{}, fn: fn}
	err := eachLine(r, func(where string, line []byte) error {
		reason, err := s.line(line)
		if reason != "" {
			err = bad(&RecordError{where, reason})
		}
		return err
	})
	if err != nil {
		return err
	}
	return s.rest()
}

// mcpSession follows the messages of one session.
type mcpSession struct {
	waiting map[string]*mcpCall // by the request's id
	calls   int
	fn      func(*Record) error
}

func (s *mcpSession) line(line []byte) (reason string, err error) {
	var l mcpLine
	if err := json.Unmarshal(line, &l); err != nil {
		return err.Error(), nil
	}
	m := l.mcpMessage
	for _, inner := range []json.RawMessage{l.Message, l.Msg, l.Data} {
		inner = json.RawMessage(plain(inner)) // some logs hold the message as a text
		if m.JSONRPC == "" && len(inner) > 0 && json.Unmarshal(inner, &m) != nil {
			m = mcpMessage{} // an object of another kind
		}
	}
	at, err := firstTime(l.Timestamp, l.Time, l.TS)
	switch {
	case err != nil:
		return err.Error(), nil
	case m.JSONRPC == "":
		return "it is no JSON-RPC message", nil
	case m.Method == "initialize":
		return "", s.rest()
	case m.Method == "tools/call":
		return s.request(line, &m, at)
	case m.Method == "" && len(m.ID) > 0:
		return "", s.response(&m)
	}
	return "", nil
}

func (s *mcpSession) request(line []byte, m *mcpMessage, at object.Time) (reason string, err error) {
	var params struct {
		Name      string          `json:"name"`
		Arguments json.RawMessage `json:"arguments"`
	}
	if err := json.Unmarshal(m.Params, &params); err != nil {
		return "tools/call: " + err.Error(), nil
	}
	if params.Name == "" {
		return "tools/call names no tool", nil
	}
	if old := s.waiting[string(m.ID)]; old != nil { // the id is used again: it was never answered
		if err := s.emit(old); err != nil {
			return "", err
		}
	}
	s.calls++
	s.waiting[string(m.ID)] = &mcpCall{s.calls, line, Call{Tool: params.Name, Request: compact(params.Arguments), Status: statusNothing, Time: at}}
	return "", nil
}

func (s *mcpSession) response(m *mcpMessage) error {
	c := s.waiting[string(m.ID)]
	if c == nil {
		return nil // a response to another method
	}
	delete(s.waiting, string(m.ID))
	var result struct {
		Content json.RawMessage `json:"content"`
		IsError bool            `json:"isError"`
	}
	c.call.Status = statusOK
	if len(m.Error) > 0 {
		c.call.Response, c.call.Status = compact(m.Error), statusFailed
	} else if json.Unmarshal(m.Result, &result) == nil && len(result.Content) > 0 {
		c.call.Response = partsText(result.Content)
	} else {
		c.call.Response = compact(m.Result)
	}
	if result.IsError {
		c.call.Status = statusFailed
	}
	c.source = bytes.Join([][]byte{c.source, c.call.Response}, []byte{'\n'})
	return s.emit(c)
}

func (s *mcpSession) emit(c *mcpCall) error {
	return s.fn(&Record{Source: c.source, Time: c.call.Time, Input: c.call.Request, Output: c.call.Response, Status: c.call.Status, Calls: []Call{c.call}})
}

// rest gives the calls that were never answered.
func (s *mcpSession) rest() error {
	left := slices.SortedFunc(maps.Values(s.waiting), func(a, b *mcpCall) int { return a.number - b.number })
	clear(s.waiting)
	for _, c := range left {
		if err := s.emit(c); err != nil {
			return err
		}
	}
	return nil
}
