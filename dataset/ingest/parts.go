package ingest

import (
	"encoding/json"
	"errors"
	"strings"

	"github.com/mythos-project/mythos/internal/jsontext"
)

// part is one part of a content.
type part struct {
	isText  bool
	text    string
	thought bool // a part that is neither question nor answer, such as a model's reasoning
	call    *chatCall
	answer  *chatAnswer
}

// textParts are the types of text parts, with the member that has the text.
var textParts = map[string]string{"text": "text", "input_text": "text", "output_text": "text", "refusal": "refusal"}

// thoughtParts are stored with the message, but are not part of its text.
var thoughtParts = map[string]bool{"thinking": true, "redacted_thinking": true, "reasoning": true, "reasoning_text": true, "summary_text": true}

// callParts are the parts that call a tool, with the members for id, name and arguments; answerParts are those that
// answer, with the members for id, name and answer.
var (
	callParts = map[string][3][]string{
		"tool_use": {{"id"}, {"name"}, {"input"}}, "server_tool_use": {{"id"}, {"name"}, {"input"}}, "mcp_tool_use": {{"id"}, {"name"}, {"input"}},
		"tool-call": {{"toolCallId"}, {"toolName"}, {"args", "input"}}, "tool_call": {{"id"}, {"name"}, {"arguments", "args"}},
		"function_call": {{"call_id", "id"}, {"name"}, {"arguments"}}, "custom_tool_call": {{"call_id", "id"}, {"name"}, {"input"}},
	}
	answerParts = map[string][3][]string{
		"tool_result": {{"tool_use_id"}, {"name"}, {"content"}}, "tool-result": {{"toolCallId"}, {"toolName"}, {"result", "output"}},
		"tool_call_response": {{"id"}, {"name"}, {"response", "result"}}, "function_call_output": {{"call_id"}, {"name"}, {"output"}},
		"custom_tool_call_output": {{"call_id"}, {"name"}, {"output"}},
	}
)

// readPart reads a part by its type. The members of a part without a type identify it, as generate_content writes them.
func readPart(raw json.RawMessage) (part, error) {
	if jsontext.Kind(raw) == '"' {
		text, err := jsontext.TextOf(raw)
		return part{isText: true, text: text}, err
	}
	f, err := jsontext.FieldsOf(raw)
	if err != nil {
		return part{}, err
	}
	kind, err := jsontext.PlainText(f.Get("type"))
	if err != nil {
		return part{}, err
	}
	if kind == "" {
		return untypedPart(f)
	}
	if name, ok := textParts[kind]; ok {
		raw := f.Get(name, "content")
		if jsontext.Kind(raw) == '{' { // {"value", "annotations"}
			if inner, err := jsontext.FieldsOf(raw); err == nil && inner.Get("value") != nil {
				raw = inner.Get("value")
			}
		}
		text, err := jsontext.PlainText(raw)
		return part{isText: true, text: text}, err
	}
	if places, ok := callParts[kind]; ok {
		return callPart(f, places)
	}
	places, ok := answerParts[kind]
	if !ok && strings.HasSuffix(kind, "_tool_result") {
		places, ok = answerParts["tool_result"], true
	}
	if ok {
		return answerPart(f, places)
	}
	return part{thought: thoughtParts[kind]}, nil
}

func callPart(f jsontext.Fields, places [3][]string) (part, error) {
	id, err := jsontext.PlainText(f.Get(places[0]...))
	if err != nil {
		return part{}, err
	}
	c := &chatCall{id: id}
	return part{call: c}, c.named(f.Get(places[1]...), f.Get(places[2]...))
}

func answerPart(f jsontext.Fields, places [3][]string) (part, error) {
	a := &chatAnswer{}
	var err error
	if a.failed, err = failedAnswer(f, f.Get(places[2]...)); err != nil {
		return part{}, err
	}
	if a.id, err = jsontext.PlainText(f.Get(places[0]...)); err != nil {
		return part{}, err
	}
	if a.name, err = jsontext.PlainText(f.Get(places[1]...)); err != nil {
		return part{}, err
	}
	a.response, err = partsText(f.Get(places[2]...))
	return part{answer: a}, err
}

// failedAnswer reports whether an answer says that the tool failed: by a member of its own, or by the type of its
// content.
func failedAnswer(f jsontext.Fields, content json.RawMessage) (bool, error) {
	failed, err := f.Bool("is_error", "isError")
	if failed || err != nil || jsontext.Kind(content) != '{' {
		return failed, err
	}
	inner, err := jsontext.FieldsOf(content)
	if err != nil {
		return false, err
	}
	kind, err := jsontext.PlainText(inner.Get("type"))
	return failedContents[kind] || strings.HasSuffix(kind, "_tool_result_error"), err
}

// failedContents are the types of contents that are failures.
var failedContents = map[string]bool{"error-text": true, "error-json": true, "execution-denied": true}

// untypedPart reads {"text"}, {"functionCall"} and {"functionResponse"}.
func untypedPart(f jsontext.Fields) (part, error) {
	if raw := f.Get("functionCall", "function_call"); raw != nil {
		inner, err := jsontext.FieldsOf(raw)
		if err != nil {
			return part{}, err
		}
		return callPart(inner, [3][]string{{"id"}, {"name"}, {"args"}})
	}
	if raw := f.Get("functionResponse", "function_response"); raw != nil {
		inner, err := jsontext.FieldsOf(raw)
		if err != nil {
			return part{}, err
		}
		return answerPart(inner, [3][]string{{"id"}, {"name"}, {"response"}})
	}
	if raw := f.Get("text"); jsontext.Kind(raw) == '"' {
		text, err := jsontext.TextOf(raw)
		thought, errThought := f.Bool("thought")
		return part{isText: !thought, text: text, thought: thought}, errors.Join(err, errThought)
	}
	return part{}, nil
}

// partsText is the text of a content: a string, or the texts of its parts. A content with other parts becomes compact
// JSON.
func partsText(raw json.RawMessage) ([]byte, error) {
	if jsontext.Kind(raw) != '[' {
		return jsontext.Plain(raw)
	}
	list, err := jsontext.ListOf(raw)
	if err != nil {
		return nil, err
	}
	var text []byte
	for _, item := range list {
		if k := jsontext.Kind(item); k != '{' && k != '"' {
			return jsontext.Compact(raw), nil
		}
		p, err := readPart(item)
		if err != nil || !p.isText {
			return jsontext.Compact(raw), err
		}
		text = append(text, p.text...)
	}
	return text, nil
}
