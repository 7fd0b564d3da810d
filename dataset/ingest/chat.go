package ingest

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/mythos-project/mythos/dataset/ingest/foreign"
	"github.com/mythos-project/mythos/internal/jsontext"
	"github.com/mythos-project/mythos/object"
)

// chat reads JSON lines of {"messages": [{"role", "content", ...}]}. Calls of tools are tool_calls, answered by
// messages of the role tool, or parts of a content, answered by parts (see parts.go). The last message of the assistant
// is the answer; the messages before it, and the member system, are the question.
type chat struct{}

// Name implements foreign.Reader.
func (chat) Name() string { return "chat" }

// Code implements foreign.Reader.
func (chat) Code() object.Hash { return object.SumText("mythos.import.chat/3") }

// Read implements foreign.Reader.
func (chat) Read(r io.Reader, h foreign.Handler) error { return records(r, h, parseChat) }

// chatMembers are the members of a line that have a place of their own. All others stay unchanged in the details; so
// does a second member for the same place.
var chatMembers = map[string]string{"model": "model", "usage": "usage", "finish_reason": "finish_reason", "stop_reason": "finish_reason", "conversation": "conversation", "conversation_id": "conversation", "session_id": "conversation"}

// timeIn is the time of a line, from the first member that has a time.
func timeIn(l jsontext.Fields) (at object.Time, member string, err error) {
	for _, name := range []string{"created", "created_at", "timestamp"} {
		if at, err = timeOf(l.Get(name)); err != nil || at != 0 {
			return at, name, err
		}
	}
	return 0, "", nil
}

func parseChat(line []byte, h foreign.Handler) (*foreign.Record, error) {
	l, err := jsontext.FieldsOf(line)
	if err != nil {
		return nil, err
	}
	rec := &foreign.Record{Status: foreign.StatusOK}
	if rec.Model, err = jsontext.PlainText(l.Get("model")); err != nil {
		return nil, err
	}
	at, timed, err := timeIn(l)
	if rec.Time = at; err != nil {
		return nil, err
	}
	if l.Get("messages") == nil {
		return nil, noMessages(l)
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
		if !knownRoles[m.role] {
			err = h.Lost("messages", fmt.Sprintf("who the role %q is, is not known: what they say stands among what was asked", m.role))
		}
		if err = errors.Join(err, t.message(m)); err != nil {
			return nil, messageError(i, err)
		}
		if m.role == "assistant" || m.role == "model" {
			answer, last = i, m
		}
	}
	if err := elsewhere(l, answer, len(messages)); err != nil {
		return nil, err
	}
	if err := t.end(); err != nil {
		return nil, err
	}
	rec.Calls, rec.Output = t.calls, last.text
	if last.saysNothing() {
		rec.Status, rec.Note = foreign.StatusNothing, noteUnanswered
	}
	reason, err := failure(l.Get("error"))
	if reason != "" {
		rec.Status, rec.Note = foreign.StatusFailed, "error: "+reason
	}
	asked := chatInput(l, messages[:answer])
	rec.Input = jsontext.Compact(asked.JSON())
	taken := func(name string) bool { return timed != "" && name == timed || asked.Has(name) }
	rec.Details = chatDetails(l, taken, messages, answer, last)
	return rec, err
}

// noMessages describes what a line has instead of messages.
func noMessages(l jsontext.Fields) error {
	const most = 8
	var names []string
	for _, m := range l[:min(len(l), most)] {
		names = append(names, jsontext.Describe(jsontext.Text(m.Name)))
	}
	if len(names) == 0 {
		return errors.New("it has no messages")
	}
	return fmt.Errorf("it has no messages, but %s: a mapping (--map) says where a question and its answer stand", strings.Join(names, ", "))
}

// answerMembers are the places for an answer beside the messages in logs of calls.
var answerMembers = []string{"response", "choices", "completion", "output", "outputs", "answer", "message", "candidates"}

// elsewhere refuses a line whose messages end before the answer: the assistant's last message there answers an earlier
// question.
func elsewhere(l jsontext.Fields, answer, messages int) error {
	if answer == messages-1 && answer >= 0 {
		return nil
	}
	for _, name := range answerMembers {
		if l.Get(name) != nil {
			return fmt.Errorf("its messages end before the answer, which may stand in %s: a mapping (--map) says so", name)
		}
	}
	if answer < 0 {
		return errors.New("no message is the assistant's")
	}
	return nil
}

// failure is the reason in the member error; empty if there is none.
func failure(raw json.RawMessage) (string, error) {
	if f, err := jsontext.FieldsOf(raw); err == nil {
		if inner := f.Get("message"); inner != nil {
			raw = inner
		}
	}
	text, err := jsontext.PlainText(raw)
	if slices.Contains([]string{"false", "0", "{}", "[]"}, text) {
		text = ""
	}
	return text, err
}

func messageError(i int, err error) error { return fmt.Errorf("message %d: %w", i+1, err) }

// chatInput is the question: the messages, the offered tools, and the system prompt beside the messages: a text, or
// parts.
func chatInput(l jsontext.Fields, messages []json.RawMessage) (asked jsontext.Fields) {
	if k := jsontext.Kind(l.Get("system")); (k == '"' || k == '[') && !hasSystem(messages) {
		asked.Add("system", l.Get("system"))
	}
	asked = append(asked, jsontext.Member{Name: "messages", Value: jsontext.List(messages)})
	asked.Add("tools", l.Get("tools"))
	asked.Add("functions", l.Get("functions"))
	return asked
}

// hasSystem reports whether a message is the system's, so that a member with that name means something else.
func hasSystem(messages []json.RawMessage) bool {
	return slices.ContainsFunc(messages, func(raw json.RawMessage) bool {
		f, err := jsontext.FieldsOf(raw)
		return err == nil && string(f.Get("role")) == `"system"`
	})
}

// chatDetails are the line's further data. The answer is among them unless it is only a role and a text; so are the
// messages after it.
func chatDetails(l jsontext.Fields, taken func(string) bool, messages []json.RawMessage, answer int, last *message) foreign.Details {
	var d, rest jsontext.Fields
	for _, m := range l {
		place, known := chatMembers[m.Name]
		switch {
		case taken(m.Name):
		case known && !d.Has(place) && jsontext.Kind(m.Value) != 'n':
			d.Add(place, jsontext.Compact(m.Value))
		default:
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
	return foreign.Details(d.JSON())
}
