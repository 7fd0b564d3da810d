package ingest

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/mythos-project/mythos/internal/jsontext"
	"github.com/mythos-project/mythos/object"
)

// chat reads JSON lines of {"messages": [{"role", "content", ...}]}: calls of tools as
// tool_calls answered by messages of the role tool, or as parts of a content, answered by
// parts (see parts.go). The last message of the assistant is the answer; what comes before
// it was asked.
type chat struct{}

// Name implements Reader.
func (chat) Name() string { return "chat" }

// Code implements Reader.
func (chat) Code() object.Hash { return object.SumText("mythos.import.chat/2") }

// Read implements Reader.
func (chat) Read(r io.Reader, h Handler) error { return records(r, h, parseChat) }

// chatMembers are the members of a line that have a place of their own. All others are
// kept in the details as they are.
var chatMembers = map[string]string{"messages": "", "tools": "", "functions": "", "model": "model", "created": "", "created_at": "", "timestamp": "",
	"usage": "usage", "finish_reason": "finish_reason", "stop_reason": "finish_reason", "conversation": "conversation", "conversation_id": "conversation", "session_id": "conversation"}

func parseChat(line []byte, h Handler) (*Record, error) {
	l, err := jsontext.FieldsOf(line)
	if err != nil {
		return nil, err
	}
	rec := &Record{Status: statusOK}
	if rec.Model, err = jsontext.PlainText(l.Get("model")); err != nil {
		return nil, err
	}
	if rec.Time, err = firstTime(l.Get("created"), l.Get("created_at"), l.Get("timestamp")); err != nil {
		return nil, err
	}
	if l.Get("messages") == nil {
		return nil, errors.New("it has no messages")
	}
	messages, err := jsontext.ListOf(l.Get("messages"))
	if err != nil {
		return nil, err
	}
	answer, t := -1, &callTable{lost: h.Lost}
	var last *message
	for i, raw := range messages {
		m, err := readMessage(raw)
		if err != nil {
			return nil, messageError(i, err)
		}
		if err := t.message(m); err != nil {
			return nil, messageError(i, err)
		}
		if m.role == "assistant" || m.role == "model" {
			answer, last = i, m
		}
	}
	if answer < 0 {
		return nil, errors.New("no message is the assistant's")
	}
	if err := t.settle(); err != nil {
		return nil, err
	}
	rec.Calls, rec.Output = t.calls, last.text
	if last.saysNothing() {
		rec.Status, rec.Note = statusNothing, noteUnanswered
	}
	rec.Input = chatInput(l, messages[:answer])
	rec.Details = chatDetails(l, messages, answer, last)
	return rec, nil
}

func messageError(i int, err error) error { return fmt.Errorf("message %d: %w", i+1, err) }

// chatInput is what was asked: the messages, and the tools that were offered.
func chatInput(l jsontext.Fields, messages []json.RawMessage) []byte {
	input := jsontext.Fields{{Name: "messages", Value: jsontext.List(messages)}}
	input.Add("tools", l.Get("tools"))
	input.Add("functions", l.Get("functions"))
	return jsontext.Compact(input.JSON())
}

// chatDetails are what else the line tells. The answer stands there as it is unless it is
// a role and a text only; so do the messages after it.
func chatDetails(l jsontext.Fields, messages []json.RawMessage, answer int, last *message) Details {
	var d, rest jsontext.Fields
	for _, m := range l {
		place, known := chatMembers[m.Name]
		switch {
		case !known:
			rest.Add(m.Name, jsontext.Compact(m.Value))
		case place != "" && !d.Has(place) && jsontext.Kind(m.Value) != 'n':
			d.Add(place, jsontext.Compact(m.Value))
		case place != "":
			rest.Add(m.Name, jsontext.Compact(m.Value))
		}
	}
	if !last.bare() {
		d.Add("message", jsontext.Compact(messages[answer]))
	}
	if answer+1 < len(messages) {
		d.Add("after", jsontext.Compact(jsontext.List(messages[answer+1:])))
	}
	d.Add("rest", rest.JSON())
	return Details(d.JSON())
}
