package ingest

import (
	"encoding/json"
	"strings"
)

// part is one part of a content.
type part struct {
	isText  bool
	text    string
	thought bool // a part that is neither asked nor answered, such as a model's reasoning
	call    *chatCall
	answer  *chatAnswer
}

// textParts are the parts that are text, with the member that has it.
var textParts = map[string]string{"text": "text", "input_text": "text", "output_text": "text", "refusal": "refusal"}

// thoughtParts are kept where the message is kept, and are not part of its text.
var thoughtParts = map[string]bool{"thinking": true, "redacted_thinking": true, "reasoning": true, "reasoning_text": true, "summary_text": true}

// callParts are the parts that call a tool, with the members that have id, name and
// arguments; answerParts those that answer, with id, name and answer.
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

// readPart reads a part by its type. A part without one is told by its members, as
// generate_content writes them.
func readPart(raw json.RawMessage) (part, error) {
	if kindOf(raw) == '"' {
		text, err := textOf(raw)
		return part{isText: true, text: text}, err
	}
	f, err := fieldsOf(raw)
	if err != nil {
		return part{}, err
	}
	kind, err := optionalText(f.get("type"))
	if err != nil {
		return part{}, err
	}
	if kind == "" {
		return untypedPart(f)
	}
	if name, ok := textParts[kind]; ok {
		raw := f.get(name, "content")
		if kindOf(raw) == '{' { // {"value", "annotations"}
			if inner, err := fieldsOf(raw); err == nil && inner.get("value") != nil {
				raw = inner.get("value")
			}
		}
		text, err := optionalText(raw)
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

func callPart(f fields, places [3][]string) (part, error) {
	id, err := optionalText(f.get(places[0]...))
	if err != nil {
		return part{}, err
	}
	c := &chatCall{id: id}
	return part{call: c}, c.named(f.get(places[1]...), f.get(places[2]...))
}

func answerPart(f fields, places [3][]string) (part, error) {
	a := &chatAnswer{failed: string(f.get("is_error", "isError")) == "true"}
	var err error
	if a.id, err = optionalText(f.get(places[0]...)); err != nil {
		return part{}, err
	}
	if a.name, err = optionalText(f.get(places[1]...)); err != nil {
		return part{}, err
	}
	a.response, err = partsText(f.get(places[2]...))
	return part{answer: a}, err
}

// untypedPart reads {"text"}, {"functionCall"} and {"functionResponse"}.
func untypedPart(f fields) (part, error) {
	if raw := f.get("functionCall", "function_call"); raw != nil {
		inner, err := fieldsOf(raw)
		if err != nil {
			return part{}, err
		}
		return callPart(inner, [3][]string{{"id"}, {"name"}, {"args"}})
	}
	if raw := f.get("functionResponse", "function_response"); raw != nil {
		inner, err := fieldsOf(raw)
		if err != nil {
			return part{}, err
		}
		return answerPart(inner, [3][]string{{"id"}, {"name"}, {"response"}})
	}
	if raw := f.get("text"); kindOf(raw) == '"' {
		text, err := textOf(raw)
		thought := string(f.get("thought")) == "true"
		return part{isText: !thought, text: text, thought: thought}, err
	}
	return part{}, nil
}

// partsText is the text of a content: a string, or the texts of its parts. A content with
// other parts is compact JSON.
func partsText(raw json.RawMessage) ([]byte, error) {
	if kindOf(raw) != '[' {
		return plain(raw)
	}
	list, err := listOf(raw)
	if err != nil {
		return nil, err
	}
	var text []byte
	for _, item := range list {
		if k := kindOf(item); k != '{' && k != '"' {
			return compact(raw), nil
		}
		p, err := readPart(item)
		if err != nil || !p.isText {
			return compact(raw), err
		}
		text = append(text, p.text...)
	}
	return text, nil
}
