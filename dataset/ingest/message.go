package ingest

import (
	"encoding/json"
	"errors"
	"fmt"

	"github.com/mythos-project/mythos/internal/jsontext"
)

// toolRoles are the roles of messages that answer calls, as in models' chat templates; knownRoles are all known roles.
var (
	toolRoles  = map[string]bool{"tool": true, "function": true, "ipython": true, "observation": true}
	knownRoles = map[string]bool{"tool": true, "function": true, "ipython": true, "observation": true, "system": true, "developer": true, "user": true, "assistant": true, "model": true}
)

// message is one message of a chat.
type message struct {
	jsontext.Fields
	role    string
	text    []byte // of the texts in it, or its content as JSON; nil: none
	said    bool   // it has a text, possibly empty
	calls   []chatCall
	answers []chatAnswer
}

// chatCall is a call of a tool in a message.
type chatCall struct {
	id, name string
	request  []byte
}

// chatAnswer is the answer to a call. id and name are empty if it has none.
type chatAnswer struct {
	id, name string
	response []byte
	failed   bool
}

// readMessage reads a message with its calls and answers.
func readMessage(raw json.RawMessage) (*message, error) {
	f, err := jsontext.FieldsOf(raw)
	if err != nil {
		return nil, err
	}
	m := &message{Fields: f}
	if m.role, err = jsontext.PlainText(f.Get("role")); err != nil {
		return nil, err
	}
	if m.role == "" {
		return nil, errors.New("it has no role")
	}
	if err := m.toolCalls(); err != nil {
		return nil, err
	}
	if err := m.content(); err != nil {
		return nil, err
	}
	if !toolRoles[m.role] || len(m.answers) > 0 {
		return m, nil
	}
	a := chatAnswer{response: m.text}
	if a.id, err = jsontext.PlainText(f.Get("tool_call_id")); err != nil {
		return nil, err
	}
	if a.name, err = jsontext.PlainText(f.Get("tool_name", "name")); err != nil {
		return nil, err
	}
	status, err := jsontext.PlainText(f.Get("status"))
	if err != nil {
		return nil, err
	}
	a.failed, err = failedAnswer(f, f.Get("content"))
	a.failed = a.failed || status == "error"
	m.answers = append(m.answers, a)
	return m, err
}

// bare reports whether a message is only a role and a text.
func (m *message) bare() bool {
	return len(m.Fields) == 2 && m.role == "assistant" && jsontext.Kind(m.Get("content")) == '"'
}

// saysNothing reports whether a message has neither content nor a call, not even an empty text.
func (m *message) saysNothing() bool {
	return !m.said && len(m.text) == 0 && len(m.calls) == 0
}

// toolCalls reads the members tool_calls and function_call.
func (m *message) toolCalls() error {
	var list []json.RawMessage
	if raw := m.Get("tool_calls"); raw != nil {
		var err error
		if list, err = jsontext.ListOf(raw); err != nil {
			return fmt.Errorf("tool_calls: %w", err)
		}
	}
	if raw := m.Get("function_call"); raw != nil {
		list = append(list, raw)
	}
	for _, raw := range list {
		c, err := readCall(raw)
		if err != nil {
			return fmt.Errorf("tool_calls: %w", err)
		}
		m.calls = append(m.calls, c)
	}
	return nil
}

// readCall reads {"id", "function": {"name", "arguments"}}, or the same without function.
func readCall(raw json.RawMessage) (c chatCall, err error) {
	f, err := jsontext.FieldsOf(raw)
	if err != nil {
		return c, err
	}
	if c.id, err = jsontext.PlainText(f.Get("id")); err != nil {
		return c, err
	}
	for _, inner := range []string{"function", "custom"} {
		if raw := f.Get(inner); raw != nil {
			if f, err = jsontext.FieldsOf(raw); err != nil {
				return c, err
			}
			break
		}
	}
	return c, c.named(f.Get("name"), f.Get("arguments", "args", "input"))
}

// named sets the name and the arguments.
func (c *chatCall) named(name, arguments json.RawMessage) (err error) {
	if c.name, err = jsontext.PlainText(name); err != nil {
		return err
	}
	if c.name == "" {
		return errors.New("a call names no tool")
	}
	c.request, err = jsontext.Plain(arguments)
	return err
}

// content reads the member content, or its substitute.
func (m *message) content() error {
	raw := m.Get("content")
	if raw == nil {
		raw = m.Get("parts") // of generate_content
	}
	switch jsontext.Kind(raw) {
	case '[':
		list, err := jsontext.ListOf(raw)
		if err != nil {
			return err
		}
		return m.parts(raw, list)
	case '{':
		return m.parts(raw, []json.RawMessage{raw})
	}
	text, err := jsontext.Plain(raw)
	if err != nil {
		return err
	}
	m.said = raw != nil
	if m.text = text; len(text) > 0 {
		return nil
	}
	if m.Get("refusal") != nil {
		m.text, err = jsontext.Plain(m.Get("refusal"))
	} else if audio, noObject := jsontext.FieldsOf(m.Get("audio")); noObject == nil {
		m.text, err = jsontext.Plain(audio.Get("transcript")) // the transcript of the audio
	}
	return err
}

// parts reads a content that is a list. If a part is not a text, call, answer or thought, the whole content becomes the
// text, as JSON.
func (m *message) parts(raw json.RawMessage, list []json.RawMessage) error {
	foreign := false
	for _, item := range list {
		p, err := readPart(item)
		if err != nil {
			return err
		}
		switch {
		case p.call != nil:
			m.calls = append(m.calls, *p.call)
		case p.answer != nil:
			m.answers = append(m.answers, *p.answer)
		case p.isText:
			m.said = true
			m.text = append(m.text, p.text...)
		case !p.thought:
			foreign = true
		}
	}
	if foreign {
		m.text = jsontext.Compact(raw)
	}
	return nil
}
