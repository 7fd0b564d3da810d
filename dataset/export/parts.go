package export

import (
	"encoding/json"
	"errors"

	"github.com/mythos-project/mythos/internal/jsontext"
)

// partMessage collects the parts of a message.
type partMessage struct {
	role      json.RawMessage
	text      string
	reasoning string
	other     []json.RawMessage // parts that are not text; if there are any, the content is a list
	calls     []json.RawMessage
	answers   []json.RawMessage // messages of the role tool
}

func (m *partMessage) part(raw json.RawMessage) {
	f, err := jsontext.FieldsOf(raw)
	if err != nil {
		m.other = append(m.other, jsontext.Compact(raw))
		return
	}
	kind, _ := jsontext.PlainText(f.Get("type"))
	content, _ := jsontext.PlainText(f.Get("content", "text"))
	id := f.Get("id")
	switch kind {
	case "text":
		m.text += content
	case "reasoning":
		m.reasoning += content
	case "tool_call", "tool_use":
		arguments, _ := jsontext.PlainText(f.Get("arguments", "input"))
		m.calls = append(m.calls, toolCallOf(id, f.Get("name"), arguments))
	case "tool-call":
		arguments, _ := jsontext.PlainText(f.Get("args", "input"))
		m.calls = append(m.calls, toolCallOf(f.Get("toolCallId"), f.Get("toolName"), arguments))
	case "tool_call_response":
		m.answers = append(m.answers, toolAnswer(id, answerText(f.Get("response", "result"))))
	case "tool_result":
		m.answers = append(m.answers, toolAnswer(f.Get("tool_use_id"), answerText(f.Get("content"))))
	case "tool-result":
		m.answers = append(m.answers, toolAnswer(f.Get("toolCallId"), answerText(f.Get("result", "output"))))
	default:
		m.other = append(m.other, jsontext.Compact(raw))
	}
}

func (m *partMessage) messages() []json.RawMessage {
	if m.answers != nil && m.text == "" && m.other == nil && m.calls == nil {
		return m.answers
	}
	f := jsontext.Fields{{Name: "role", Value: m.role}}
	switch {
	case m.other != nil:
		content := m.other
		if m.text != "" {
			text := jsontext.Fields{{Name: "type", Value: jsontext.Text("text")}, {Name: "text", Value: jsontext.Text(m.text)}}
			content = append([]json.RawMessage{text.JSON()}, content...)
		}
		f.Add("content", jsontext.List(content))
	default:
		f.Add("content", jsontext.Text(m.text))
	}
	f.AddText("reasoning_content", m.reasoning)
	if m.calls != nil {
		f.Add("tool_calls", jsontext.List(m.calls))
	}
	if string(m.role) == `"assistant"` { // the caller of a tool that the provider runs
		return append([]json.RawMessage{f.JSON()}, m.answers...)
	}
	return append(m.answers, f.JSON())
}

// partTexts returns the texts of a JSON list of parts; any other text unchanged.
func partTexts(text string) string {
	raw := json.RawMessage(text)
	if jsontext.Kind(raw) != '[' || jsontext.Check(raw) != nil {
		return text
	}
	list, err := jsontext.ListOf(raw)
	if err != nil {
		return text
	}
	m := &partMessage{}
	for _, p := range list {
		m.part(p)
	}
	if m.other != nil || m.calls != nil {
		return text
	}
	return m.text
}

// callKinds are the parts of a content that call a tool or answer a call.
var callKinds = map[string]bool{"tool-call": true, "tool-result": true, "tool_use": true, "tool_result": true, "tool_call": true, "tool_call_response": true}

var errNoCalls = errors.New("no part calls or answers")

// partsWithCalls returns the parts of a content if one of them calls a tool or answers a call.
func partsWithCalls(content json.RawMessage) ([]json.RawMessage, error) {
	parts, err := jsontext.ListOf(content)
	if err != nil {
		return nil, err
	}
	for _, p := range parts {
		f, err := jsontext.FieldsOf(p)
		if err != nil {
			continue
		}
		if kind, err := jsontext.PlainText(f.Get("type")); err == nil && callKinds[kind] {
			return parts, nil
		}
	}
	return nil, errNoCalls
}

// answerText is the text of an answer: the value of {"type", "value"}, or the texts of a list's parts.
func answerText(raw json.RawMessage) string {
	if f, err := jsontext.FieldsOf(raw); err == nil && len(f) == 2 && f.Has("type") && f.Has("value") {
		raw = f.Get("value")
	}
	text, err := jsontext.PlainText(raw)
	if err != nil {
		return string(raw)
	}
	if jsontext.Kind(raw) == '[' {
		return partTexts(text)
	}
	return text
}
