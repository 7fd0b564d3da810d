package ingest

import (
	"encoding/json"
	"errors"
	"io"

	"github.com/mythos-project/mythos/object"
)

// chat reads JSON lines of {"messages": [{"role", "content", ...}]}: calls of tools as
// tool_calls answered by messages of the role tool, or as content parts tool_use answered
// by tool_result. The last message of the assistant is the answer; what comes before it
// was asked.
type chat struct{}

// Name implements Reader.
func (chat) Name() string { return "chat" }

// Code implements Reader.
func (chat) Code() object.Hash { return object.SumText("mythos.import.chat/1") }

// Read implements Reader.
func (chat) Read(r io.Reader, fn func(*Record) error, bad func(*RecordError) error) error {
	return records(r, parseChat, fn, bad)
}

type chatLine struct {
	Messages  []json.RawMessage `json:"messages"`
	Model     string            `json:"model"`
	Created   json.RawMessage   `json:"created"`
	CreatedAt json.RawMessage   `json:"created_at"`
	Timestamp json.RawMessage   `json:"timestamp"`
}

type chatMessage struct {
	Role       string          `json:"role"`
	Content    json.RawMessage `json:"content"`
	ToolCallID string          `json:"tool_call_id"`
	ToolCalls  []struct {
		ID       string `json:"id"`
		Function struct {
			Name      string          `json:"name"`
			Arguments json.RawMessage `json:"arguments"`
		} `json:"function"`
	} `json:"tool_calls"`
}

// chatPart is an element of a content that is a list.
type chatPart struct {
	Type      string          `json:"type"`
	Text      string          `json:"text"`
	ID        string          `json:"id"`
	Name      string          `json:"name"`
	Input     json.RawMessage `json:"input"`
	ToolUseID string          `json:"tool_use_id"`
	Content   json.RawMessage `json:"content"`
	IsError   bool            `json:"is_error"`
}

func parseChat(line []byte) (*Record, error) {
	var l chatLine
	if err := json.Unmarshal(line, &l); err != nil {
		return nil, err
	}
	rec := &Record{Status: statusOK, Model: l.Model}
	var err error
	if rec.Time, err = firstTime(l.Created, l.CreatedAt, l.Timestamp); err != nil {
		return nil, err
	}
	answer, t := -1, toolTable{}
	for i, raw := range l.Messages {
		var m chatMessage
		if err := json.Unmarshal(raw, &m); err != nil {
			return nil, err
		}
		if m.Role == "" {
			return nil, errors.New("a message has no role")
		}
		text := t.message(&m)
		if m.Role == "assistant" {
			answer, rec.Output = i, text
		}
	}
	if answer < 0 {
		return nil, errors.New("no message is the assistant's")
	}
	rec.Calls = t.calls
	rec.Input, err = json.Marshal(map[string]any{"messages": append([]json.RawMessage{}, l.Messages[:answer]...)})
	return rec, err
}

// toolTable gathers calls, and finds them by their ids when they are answered.
type toolTable struct {
	calls []Call
	open  map[string]int
}

func (t *toolTable) call(id, name string, request []byte) {
	if t.open == nil {
		t.open = map[string]int{}
	}
	t.open[id] = len(t.calls)
	t.calls = append(t.calls, Call{Tool: name, Request: request, Status: statusNothing})
}

func (t *toolTable) answer(id string, response []byte, failed bool) {
	i, ok := t.open[id]
	if !ok {
		return // an answer to nothing that is in the record
	}
	delete(t.open, id)
	t.calls[i].Response, t.calls[i].Status = response, statusOK
	if failed {
		t.calls[i].Status = statusFailed
	}
}

// message takes the calls and answers out of a message, and gives its text.
func (t *toolTable) message(m *chatMessage) []byte {
	for _, c := range m.ToolCalls {
		t.call(c.ID, c.Function.Name, plain(c.Function.Arguments))
	}
	text := plain(m.Content)
	if m.Role == "tool" {
		t.answer(m.ToolCallID, text, false)
	}
	var parts []chatPart
	if len(m.Content) == 0 || m.Content[0] != '[' || json.Unmarshal(m.Content, &parts) != nil {
		return text
	}
	text = nil
	for _, p := range parts {
		switch p.Type {
		case "tool_use":
			t.call(p.ID, p.Name, compact(p.Input))
		case "tool_result":
			t.answer(p.ToolUseID, partsText(p.Content), p.IsError)
		case "text":
			text = append(text, p.Text...)
		}
	}
	return text
}

// partsText is the text of a content: a string, or the texts of its parts.
func partsText(raw json.RawMessage) []byte {
	var parts []chatPart
	if len(raw) == 0 || raw[0] != '[' || json.Unmarshal(raw, &parts) != nil {
		return plain(raw)
	}
	var text []byte
	for _, p := range parts {
		if p.Type != "text" {
			return compact(raw)
		}
		text = append(text, p.Text...)
	}
	return text
}
