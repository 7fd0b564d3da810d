package ingest

import (
	"bytes"
	"encoding/json"
	"slices"

	"github.com/mythos-project/mythos/dataset/ingest/foreign"
	"github.com/mythos-project/mythos/internal/jsontext"
	"github.com/mythos-project/mythos/object"
)

// mcpSession tracks the messages of one session. Ids belong to one direction: request 1 of the client and request 1 of
// the server are two requests.
type mcpSession struct {
	h      foreign.Handler
	open   map[side]map[string]*mcpRequest // by sender and id
	closed map[side]map[string]object.Hash // responses to the latest requests; by who asked, and id
	strays map[side]map[string]bool        // ids of responses without a request before them; by who asked
	calls  int
	// the transcript's words for the sender mean the other side
	turned bool
}

// mcpRequest is a request that waits for its response.
type mcpRequest struct {
	where  string
	id     string
	method string
	number int // calls before it
	call   foreign.Call
	source []byte
	twice  bool // another request has the same id, so a response may belong to either
}

func (s *mcpSession) begin() {
	s.open = map[side]map[string]*mcpRequest{client: {}, server: {}}
	s.closed = map[side]map[string]object.Hash{client: {}, server: {}}
	s.strays = map[side]map[string]bool{client: {}, server: {}}
}

// message processes a message. reason says why it cannot be understood.
func (s *mcpSession) message(m *mcpMessage) (reason string, err error) {
	switch {
	case m.method == "" && m.id != "":
		return s.response(m)
	case m.method == "" && m.Get("error") != nil:
		return "", s.h.Lost("JSON-RPC errors", "they have no id, so that their request is not known")
	case m.method == "":
		return "it is neither a request nor a response: it has no method and no id", nil
	case m.id == "":
		return "", s.notification(m)
	case m.method == "initialize":
		if err := s.rest(); err != nil {
			return "", err
		}
	}
	return s.request(m)
}

func (s *mcpSession) notification(m *mcpMessage) error {
	s.h.Passed("notifications")
	params, err := jsontext.FieldsOf(m.Get("params"))
	if m.method != "notifications/cancelled" || err != nil {
		return nil //nolint:nilerr // a notification of another kind
	}
	id, err := mcpID(params.Get("requestId"))
	if r := s.open[client][id]; err == nil && r != nil && !r.twice && m.side != server {
		r.call.Note = "the call was cancelled"
		if why, err := jsontext.PlainText(params.Get("reason")); err == nil && why != "" {
			r.call.Note += ": " + why
		}
	}
	return nil
}

func (s *mcpSession) request(m *mcpMessage) (reason string, err error) {
	from := m.side
	if from == unknown { // such as ping: responses to it reveal nothing
		s.h.Passed("requests of another kind")
		from = client
		if s.open[client][m.id] != nil {
			from = server
		}
	}
	if old := s.open[from][m.id]; old != nil {
		old.twice = true
		return "the id " + jsontext.Describe(m.Get("id")) + " is used again while the request before it waits: a response would be of either", nil
	}
	delete(s.closed[from], m.id)
	r := &mcpRequest{where: m.where, id: m.id, method: m.method, source: m.source}
	if m.method == "tools/call" {
		if reason := r.readCall(m); reason != "" {
			return reason, nil
		}
		s.calls++
		r.number = s.calls
	} else if m.side != unknown {
		s.h.Passed("requests of another kind")
	}
	s.open[from][m.id] = r
	return "", nil
}

// readCall reads the parameters of tools/call.
func (r *mcpRequest) readCall(m *mcpMessage) (reason string) {
	params, err := jsontext.FieldsOf(m.Get("params"))
	if err != nil {
		return "tools/call, params: " + err.Error()
	}
	name, err := jsontext.PlainText(params.Get("name"))
	if err != nil {
		return "tools/call, name: " + err.Error()
	}
	if name == "" {
		return "tools/call names no tool"
	}
	var d jsontext.Fields
	d.Add("id", jsontext.Compact(m.Get("id")))
	for _, p := range params {
		if p.Name != "name" && p.Name != "arguments" {
			d.Add(p.Name, jsontext.Compact(p.Value))
		}
	}
	var request []byte
	if raw := params.Get("arguments"); raw != nil {
		request = jsontext.Compact(raw)
	}
	r.call = foreign.Call{Tool: name, Request: request, Status: foreign.StatusNothing, Time: m.time, Details: foreign.Details(d.JSON()), Note: noteUnanswered}
	return ""
}

// response finds the request that a response is to.
func (s *mcpSession) response(m *mcpMessage) (reason string, err error) {
	result, failure := m.Get("result"), m.Get("error")
	if result != nil && failure != nil {
		return "it has a result and an error", nil
	}
	asked, reason := s.asker(m)
	if reason != "" {
		if r := s.open[client][m.id]; r != nil {
			r.call.Note = "a response that may be its answer was left out"
		}
		return reason, nil
	}
	r := s.open[asked][m.id]
	if r == nil {
		return s.stray(m, asked)
	}
	delete(s.open[asked], m.id)
	s.closed[asked][m.id] = m.content()
	switch {
	case r.twice:
		return "two requests have the id " + jsontext.Describe(m.Get("id")) + ": the response is of either", nil
	case r.method != "tools/call":
		return "", nil
	}
	if result == nil && failure == nil { // it was answered, and nobody knows how
		if err := s.h.Lost("responses", "they have neither a result nor an error"); err != nil {
			return "", err
		}
		r.call.Note = "the response has neither a result nor an error"
	} else if failure != nil {
		r.call.Response, r.call.Status, r.call.Note = jsontext.Compact(failure), foreign.StatusFailed, failureNote(failure)
	} else if err := r.answered(result); err != nil {
		return "result: " + err.Error(), nil
	}
	r.source = bytes.Join([][]byte{r.source, m.source}, []byte{'\n'})
	return "", s.emit(r)
}

// stray processes a response to no open request: one that is sent again, or one whose request is not known.
func (s *mcpSession) stray(m *mcpMessage, asked side) (reason string, err error) {
	first, answered := s.closed[asked][m.id]
	switch {
	case answered && first == m.content():
		s.h.Passed("responses that were sent again")
		return "", nil
	case answered:
		return "the request " + jsontext.Describe(m.Get("id")) + " is answered twice", nil
	}
	s.strays[asked][m.id] = true
	return "", s.h.Lost("responses", "their requests are not in the transcript")
}

// content identifies what a response says.
func (m *mcpMessage) content() object.Hash {
	return object.Sum(bytes.Join([][]byte{jsontext.Compact(m.Get("result")), jsontext.Compact(m.Get("error"))}, []byte{'\n'}))
}

// answersFirst reports whether a message answers the client's initialize.
func (s *mcpSession) answersFirst(m *mcpMessage) bool {
	r := s.open[client][m.id]
	return m.method == "" && r != nil && r.method == "initialize"
}

// asker returns who asked the request that this answers: by the sender, otherwise by who has a request with its id, and
// if both sides have, by the shape of a result to each.
func (s *mcpSession) asker(m *mcpMessage) (side, string) {
	ours, theirs := s.open[client][m.id], s.open[server][m.id]
	switch {
	case m.side == client && theirs == nil && ours != nil && ours.method == "tools/call":
		return m.asker(ours.method)
	case m.side != unknown:
		return m.side.other(), ""
	case theirs == nil:
		return client, ""
	case ours == nil:
		return server, ""
	}
	isOurs, isTheirs := answers(ours.method, m.Get("result")), answers(theirs.method, m.Get("result"))
	switch {
	case isOurs && !isTheirs:
		return client, ""
	case isTheirs && !isOurs:
		return server, ""
	}
	return unknown, "client and server both wait for a response with the id " + jsontext.Describe(m.Get("id")) + ", and nothing tells whose this is: a direction beside the message would"
}

// asker returns who asked, if the log says that the client sent this response and only the client waits for one: the
// log's word may mean something else than the sender.
func (m *mcpMessage) asker(method string) (side, string) {
	result := m.Get("result")
	if answers(method, result) {
		return client, ""
	}
	for _, method := range []string{"roots/list", "sampling/createMessage", "elicitation/create"} {
		if answers(method, result) {
			return server, ""
		}
	}
	return unknown, "the log says that the client sent this response, and only the client waits for one with the id " + jsontext.Describe(m.Get("id")) + ": whose it is, is not known"
}

// answers reports whether a result has the shape of an answer to the method.
func answers(method string, result json.RawMessage) bool {
	if jsontext.Kind(result) != '{' {
		return false
	}
	f, err := jsontext.FieldsOf(result)
	if err != nil {
		return false
	}
	sampled := f.Has("role") && f.Has("model")
	switch method {
	case "tools/call":
		return !sampled && (jsontext.Kind(f.Get("content")) == '[' || f.Has("structuredContent") || f.Has("toolResult"))
	case "roots/list":
		return f.Has("roots")
	case "sampling/createMessage":
		return sampled
	case "elicitation/create":
		return f.Has("action")
	}
	return true // its shape is unknown
}

// failureNote is the reason of a JSON-RPC error.
func failureNote(failure json.RawMessage) string {
	f, err := jsontext.FieldsOf(failure)
	if err != nil {
		return "error: " + jsontext.Describe(failure)
	}
	message, err := jsontext.PlainText(f.Get("message"))
	if err != nil || message == "" {
		return "error " + jsontext.Describe(f.Get("code"))
	}
	return "error " + jsontext.Describe(f.Get("code")) + ": " + message
}

// answered processes a result. The response is the texts of its content, otherwise the structured content, otherwise
// the content as JSON. If the result has more, it is stored in the details.
func (r *mcpRequest) answered(result json.RawMessage) error {
	c := &r.call
	c.Status, c.Note = foreign.StatusOK, ""
	if jsontext.Kind(result) != '{' {
		c.Response = jsontext.Compact(result)
		return nil
	}
	f, err := jsontext.FieldsOf(result)
	if err != nil {
		return err
	}
	content, structured := f.Get("content"), f.Get("structuredContent", "toolResult")
	c.Response, err = partsText(content)
	switch {
	case err != nil:
		return err
	case content == nil && structured == nil:
		c.Response = jsontext.Compact(result)
	case len(c.Response) == 0 && structured != nil, string(c.Response) == "[]" && structured != nil:
		c.Response = jsontext.Compact(structured)
	}
	more := slices.ContainsFunc(f, func(m jsontext.Member) bool { return m.Name != "content" && m.Name != "isError" })
	if more {
		d, err := jsontext.FieldsOf(c.Details)
		if err != nil {
			return err
		}
		d.Add("result", jsontext.Compact(result))
		c.Details = foreign.Details(d.JSON())
	}
	failed, err := f.Bool("isError")
	if err != nil {
		return err
	}
	if failed {
		c.Status, c.Note = foreign.StatusFailed, "error: the tool's answer says so"
	}
	switch kind, err := jsontext.PlainText(f.Get("resultType")); {
	case err != nil:
		return err
	case kind == "input_required":
		c.Status, c.Note = foreign.StatusNothing, "the tool asked for input: this is not an answer"
	case content == nil && structured == nil && f.Get("task") != nil:
		c.Status, c.Note = foreign.StatusNothing, "the server made a task of the call: its result is not in this response"
	}
	return nil
}

func (s *mcpSession) emit(r *mcpRequest) error {
	c := r.call
	return s.h.Record(&foreign.Record{Source: r.source, Time: c.Time, Input: c.Request, Output: c.Response, Status: c.Status, Note: c.Note, Calls: []foreign.Call{c}})
}

// rest emits the calls that were never answered, and begins another session.
func (s *mcpSession) rest() error {
	var left []*mcpRequest
	for _, r := range s.open[client] {
		if r.method == "tools/call" {
			left = append(left, r)
		}
	}
	slices.SortFunc(left, func(a, b *mcpRequest) int { return a.number - b.number })
	early := s.strays[client]
	s.begin()
	for _, r := range left {
		if early[r.id] {
			if err := s.h.Bad(&foreign.RecordError{Where: r.where, Reason: "the response to this request stands before it"}); err != nil {
				return err
			}
			continue
		}
		if r.twice {
			if err := s.h.Lost("calls", "another call has the same id"); err != nil {
				return err
			}
			continue
		}
		if err := s.emit(r); err != nil {
			return err
		}
	}
	return nil
}
