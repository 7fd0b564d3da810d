package otel

import (
	"encoding/json"
	"slices"
	"strings"

	"github.com/mythos-project/mythos/dataset/ingest/foreign"
	"github.com/mythos-project/mythos/internal/jsontext"
)

// call makes a call of a tool or of a model from a span.
func (s *genSpan) call() foreign.Call {
	if s.kind == toolCall {
		return s.toolCall()
	}
	return s.modelCall()
}

func (s *genSpan) toolCall() foreign.Call {
	t := take(s)
	name := t.first(toolNames...)
	if name == "" {
		name = strings.TrimPrefix(s.name, "execute_tool ")
	}
	id := t.first(toolIDs...)
	request, asked := t.text(toolRequest...)
	response, answered := t.text(toolResponse...)
	c := foreign.Call{Tool: name, Request: request, Response: response, Status: s.status(), Time: s.start, Note: s.reason()}
	var d jsontext.Fields
	d.AddText("id", id)
	c.Details = s.details(d, t)
	if !answered && !s.failed {
		if c.Status, c.Note = foreign.StatusNothing, "no answer was recorded"; !asked {
			c.Note = "neither its arguments nor its result were recorded"
		}
	}
	return c
}

func (s *genSpan) modelCall() foreign.Call {
	t := take(s)
	request := t.request()
	response, finish := t.response()
	c := foreign.Call{Tool: strings.TrimSpace(s.operation() + " " + s.model()), Request: request, Response: response, Status: s.status(), Time: s.start, Note: s.reason(), Model: true}
	if len(response) == 0 && !s.failed {
		c.Status = foreign.StatusNothing
	}
	var d jsontext.Fields
	d.AddText("model", t.first(modelNames...))
	d.AddText("response_model", t.first(responseModels...))
	d.Add("usage", t.usage())
	if reasons := t.value(finishPlaces...); reasons != nil {
		finish = reasons
	}
	d.Add("finish_reasons", finish)
	d.AddText("response_id", t.first(responseIDs...))
	d.AddText("conversation", t.first(conversations...))
	c.Details = s.details(d, t)
	return c
}

// operation is the name of a call of a model.
func (s *genSpan) operation() string {
	if op, ok := s.attrs.text("gen_ai.operation.name"); ok && op != "" {
		return op
	}
	if kind, ok := s.attrs.text("llm.request.type"); ok && kind == "completion" {
		return "text_completion"
	}
	return "chat"
}

func (s *genSpan) model() string {
	model, ok := s.attrs.text(modelNames...)
	if !ok {
		model, _ = s.attrs.text(responseModels...)
	}
	for _, e := range s.events {
		if model == "" {
			model, _ = e.attrs.text(modelNames...)
		}
	}
	return model
}

// cutOff names an attribute of messages whose text begins like JSON but is invalid.
func (s *genSpan) cutOff() string {
	if s.kind == toolCall {
		return ""
	}
	for _, name := range messageTexts {
		for _, attrs := range append([]attributes{s.attrs}, eventAttributes(s.events)...) {
			text, ok := attrs.text(name)
			if k := jsontext.Kind(json.RawMessage(text)); ok && (k == '[' || k == '{') && !json.Valid([]byte(text)) {
				return name
			}
		}
	}
	return ""
}

func eventAttributes(events []genEvent) (list []attributes) {
	for _, e := range events {
		list = append(list, e.attrs)
	}
	return list
}

func (s *genSpan) status() uint16 {
	if s.failed {
		return foreign.StatusFailed
	}
	return foreign.StatusOK
}

// reason is why a span failed.
func (s *genSpan) reason() string {
	if !s.failed {
		return ""
	}
	var parts []string
	add := func(text string) {
		if text != "" && !slices.Contains(parts, text) {
			parts = append(parts, text)
		}
	}
	kind, _ := s.attrs.text("error.type")
	add(kind)
	for _, e := range s.events {
		if e.name == "exception" || e.name == "gen_ai.client.operation.exception" {
			kind, _ := e.attrs.text("exception.type")
			add(kind)
			text, _ := e.attrs.text("exception.message")
			add(text)
		}
	}
	add(s.message)
	if len(parts) == 0 {
		return "error: no reason was recorded"
	}
	return "error: " + strings.Join(parts, ": ")
}

// details adds the rest of a span: unused attributes and events, unchanged.
func (s *genSpan) details(d jsontext.Fields, t *taken) foreign.Details {
	var rest jsontext.Fields
	for _, m := range s.attrs.Fields {
		if !t.attrs[m.Name] {
			rest.Add(m.Name, jsontext.Compact(m.Value))
		}
	}
	d.Add("attributes", rest.JSON())
	var events []json.RawMessage
	for i, e := range s.events {
		if !t.events[i] {
			f := jsontext.Fields{{Name: "name", Value: jsontext.Text(e.name)}}
			f.Add("attributes", e.attrs.JSON())
			events = append(events, f.JSON())
		}
	}
	if events != nil {
		d.Add("events", jsontext.List(events))
	}
	d.AddText("span", s.name)
	d.AddText("trace_id", s.trace)
	d.AddText("span_id", s.id)
	d.AddText("parent_span_id", s.parent)
	d.AddText("start_time_unix_nano", s.startNano)
	d.AddText("end_time_unix_nano", s.endRaw)
	return foreign.Details(d.JSON())
}

// usage collects the token counts, under their names without the prefix.
func (t *taken) usage() json.RawMessage {
	var f jsontext.Fields
	add := func(name string, value json.RawMessage) bool {
		for _, prefix := range usagePrefixes {
			if short, ok := strings.CutPrefix(name, prefix); ok && !f.Has(short) {
				f.Add(short, value)
				return true
			}
		}
		return false
	}
	for _, m := range t.s.attrs.Fields {
		if add(m.Name, m.Value) {
			t.attrs[m.Name] = true
		}
	}
	for _, e := range t.s.events {
		if e.name == eventDetails {
			for _, m := range e.attrs.Fields {
				add(m.Name, m.Value)
			}
		}
	}
	return f.JSON()
}

// request is the question: the text of the only attribute with it or, if there is more, JSON with the members
// system_instructions, messages and tools.
func (t *taken) request() []byte {
	text, ok := t.text("gen_ai.input.messages")
	if !ok {
		text, ok = t.listed(numberedRequests, "user")
	}
	if !ok {
		text, ok = messagesText(t.eventMessages(messageEvents), "user")
	}
	if !ok {
		text, ok = t.text(append(slices.Clone(requestPlaces), anyInput...)...)
	}
	system, tools := t.value(systemPlaces...), t.value(definitionPlaces...)
	if tools == nil {
		tools = t.numberedTools()
	}
	if system == nil && tools == nil {
		return text
	}
	var f jsontext.Fields
	f.Add("system_instructions", system)
	if ok {
		f.Add("messages", asJSON(text))
	}
	f.Add("tools", tools)
	return f.JSON()
}

// listed returns the messages in numbered attributes.
func (t *taken) listed(places []numberedPlace, role string) ([]byte, bool) {
	return messagesText(t.numberedMessages(places), role)
}

// messagesText writes messages as a JSON list. A single message with only a text, of the expected role, becomes that
// text.
func messagesText(list []json.RawMessage, role string) ([]byte, bool) {
	if len(list) == 0 {
		return nil, false
	}
	if len(list) > 1 {
		return jsontext.Compact(jsontext.List(list)), true
	}
	f, err := jsontext.FieldsOf(list[0])
	if err != nil || jsontext.Kind(f.Get("content")) != '"' {
		return jsontext.Compact(jsontext.List(list)), true
	}
	for _, m := range f {
		text, err := jsontext.Plain(m.Value)
		switch {
		case m.Name == "content", m.Name == "finish_reason":
		case m.Name == "role" && err == nil && string(text) == role:
		default:
			return jsontext.Compact(jsontext.List(list)), true
		}
	}
	text, err := jsontext.Plain(f.Get("content"))
	return text, err == nil
}

// response is the answer, and why it ended if the answer itself says so.
func (t *taken) response() (response []byte, finish json.RawMessage) {
	if text, ok := t.text("gen_ai.output.messages"); ok {
		return text, finishOf(text)
	}
	for _, list := range [][]json.RawMessage{t.numberedMessages(numberedResponses), t.eventMessages(answerEvents)} {
		if text, ok := messagesText(list, "assistant"); ok {
			return text, finishOf(jsontext.List(list))
		}
	}
	if calls := t.value(sdkCallPlaces...); calls != nil {
		f := jsontext.Fields{{Name: "role", Value: jsontext.Text("assistant")}}
		if text, ok := t.text("ai.response.text"); ok {
			f.AddText("content", legible(text))
		}
		f.Add("tool_calls", sdkCalls(calls))
		return jsontext.Compact(jsontext.List([]json.RawMessage{f.JSON()})), nil
	}
	text, _ := t.text(append(slices.Clone(responsePlaces), anyOutput...)...)
	return text, nil
}

// sdkCalls converts calls of the AI SDK, {toolCallId, toolName, args or input}, to calls of chats. Everything else
// stays unchanged.
func sdkCalls(raw json.RawMessage) json.RawMessage {
	list, err := jsontext.ListOf(raw)
	if err != nil {
		return raw
	}
	for i, item := range list {
		f, err := jsontext.FieldsOf(item)
		if err != nil || !f.Has("toolName") {
			continue
		}
		arguments, err := jsontext.PlainText(f.Get("args", "input"))
		if err != nil {
			continue
		}
		var call, function jsontext.Fields
		call.Add("id", f.Get("toolCallId"))
		call.AddText("type", "function")
		function.Add("name", f.Get("toolName"))
		function.Add("arguments", jsontext.Text(arguments))
		call.Add("function", function.JSON())
		list[i] = call.JSON()
	}
	return jsontext.List(list)
}

// finishOf is the finish reasons of messages; nil if there are none.
func finishOf(text []byte) json.RawMessage {
	if jsontext.Kind(text) != '[' || jsontext.Check(text) != nil {
		return nil
	}
	list, err := jsontext.ListOf(text)
	if err != nil {
		return nil
	}
	var reasons []json.RawMessage
	for _, item := range list {
		if jsontext.Kind(item) != '{' {
			continue
		}
		if f, err := jsontext.FieldsOf(item); err == nil && f.Get("finish_reason") != nil {
			reasons = append(reasons, jsontext.Compact(f.Get("finish_reason")))
		}
	}
	if reasons == nil {
		return nil
	}
	return jsontext.List(reasons)
}
