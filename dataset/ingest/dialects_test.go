package ingest

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strconv"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/mythos-project/mythos/dataset/export"
	"github.com/mythos-project/mythos/dataset/ingest/otel"
	"github.com/mythos-project/mythos/internal/jsontext"
)

// The same conversation is written in every supported dialect of OTLP. From each one, its messages come out as those of
// a chat, with the digits of their numbers.

// talk is a conversation: the question and the answer.
type talk struct {
	asked  []said
	answer said
	tools  string // JSON; empty: none
}

// said is one message. id is that of the call that a tool answers.
type said struct {
	role, text, id string
	calls          []saidCall
}

// detailsEvent is the event whose attributes have the messages of a call.
const detailsEvent = "gen_ai.client.inference.operation.details"

type saidCall struct{ id, name, arguments string }

func drawTalk(t *rapid.T) talk {
	text := rapid.SampledFrom([]string{"hi", "<&> \u2028", "caf\u00e9 \U0001f600", "a\nb\x00", "7", "null", " blank ", `"quoted"`, "{not json", "true", strings.Repeat("long ", 50)})
	arguments := rapid.SampledFrom([]string{`{}`, `{"n":9007199254740993}`, `{"n":1.0,"a":[null,true]}`, `{"s":"\u00e9 <&>"}`})
	calls := 0
	drawCalls := func() (list []saidCall) {
		for range rapid.IntRange(1, 3).Draw(t, "calls") {
			calls++
			list = append(list, saidCall{fmt.Sprintf("call_%d", calls), rapid.SampledFrom([]string{"f", "get-weather", "a.b"}).Draw(t, "tool"), arguments.Draw(t, "arguments")})
		}
		return list
	}
	var k talk
	if rapid.Bool().Draw(t, "system") {
		k.asked = append(k.asked, said{role: "system", text: text.Draw(t, "system text")})
	}
	for range rapid.IntRange(1, 3).Draw(t, "turns") {
		k.asked = append(k.asked, said{role: "user", text: text.Draw(t, "user text")})
		if rapid.Bool().Draw(t, "called") {
			m := said{role: "assistant", calls: drawCalls()}
			if rapid.Bool().Draw(t, "thinks aloud") {
				m.text = text.Draw(t, "aloud")
			}
			k.asked = append(k.asked, m)
			for _, c := range m.calls {
				k.asked = append(k.asked, said{role: "tool", text: text.Draw(t, "tool text"), id: c.id})
			}
		}
	}
	k.answer = said{role: "assistant", text: text.Draw(t, "answer")}
	if rapid.IntRange(0, 3).Draw(t, "answers with calls") == 0 {
		k.answer = said{role: "assistant", calls: drawCalls()}
	}
	if rapid.Bool().Draw(t, "tools") {
		k.tools = `[{"type":"function","function":{"name":"f","parameters":{"maximum":1.0}}}]`
	}
	return k
}

func quoted(text string) json.RawMessage { return jsontext.Text(text) }

// chat is a message as chats have it.
func (s said) chat() json.RawMessage {
	f := jsontext.Fields{{Name: "role", Value: quoted(s.role)}}
	if s.text != "" {
		f.Add("content", quoted(s.text))
	}
	var calls []json.RawMessage
	for _, c := range s.calls {
		calls = append(calls, json.RawMessage(fmt.Sprintf(`{"id":%s,"type":"function","function":{"name":%s,"arguments":%s}}`, quoted(c.id), quoted(c.name), quoted(c.arguments))))
	}
	if calls != nil {
		f.Add("tool_calls", jsontext.List(calls))
	}
	f.AddText("tool_call_id", s.id)
	return f.JSON()
}

func list(messages []said, as func(said) json.RawMessage) json.RawMessage {
	var out []json.RawMessage
	for _, m := range messages {
		out = append(out, as(m))
	}
	return jsontext.List(out)
}

// parts is a message of gen_ai.input.messages.
func (s said) parts() json.RawMessage {
	var parts []json.RawMessage
	switch {
	case s.role == "tool":
		parts = append(parts, json.RawMessage(fmt.Sprintf(`{"type":"tool_call_response","id":%s,"response":%s}`, quoted(s.id), quoted(s.text))))
	case s.text != "":
		parts = append(parts, json.RawMessage(fmt.Sprintf(`{"type":"text","content":%s}`, quoted(s.text))))
	}
	for _, c := range s.calls {
		parts = append(parts, json.RawMessage(fmt.Sprintf(`{"type":"tool_call","id":%s,"name":%s,"arguments":%s}`, quoted(c.id), quoted(c.name), c.arguments)))
	}
	return jsontext.Fields{{Name: "role", Value: quoted(s.role)}, {Name: "parts", Value: jsontext.List(parts)}}.JSON()
}

func (s said) finished() json.RawMessage {
	return json.RawMessage(strings.TrimSuffix(string(s.parts()), "}") + `,"finish_reason":"stop"}`)
}

// event is the body of an event for a message.
func (s said) event() json.RawMessage {
	f := jsontext.Fields{}
	if s.text != "" {
		f.Add("content", quoted(s.text))
	}
	f.AddText("id", s.id)
	var calls []json.RawMessage
	for _, c := range s.calls {
		calls = append(calls, json.RawMessage(fmt.Sprintf(`{"id":%s,"type":"function","function":{"name":%s,"arguments":%s}}`, quoted(c.id), quoted(c.name), quoted(c.arguments))))
	}
	if calls != nil {
		f.Add("tool_calls", jsontext.List(calls))
	}
	if len(f) == 0 {
		return json.RawMessage("{}")
	}
	return f.JSON()
}

// sdkParts is a message of the AI SDK for JavaScript.
func (s said) sdkParts() json.RawMessage {
	if s.role == "system" {
		return s.chat()
	}
	var parts []json.RawMessage
	if s.role == "tool" {
		parts = append(parts, json.RawMessage(fmt.Sprintf(`{"type":"tool-result","toolCallId":%s,"toolName":"f","output":{"type":"text","value":%s}}`, quoted(s.id), quoted(s.text))))
	} else if s.text != "" {
		parts = append(parts, json.RawMessage(fmt.Sprintf(`{"type":"text","text":%s}`, quoted(s.text))))
	}
	for _, c := range s.calls {
		parts = append(parts, json.RawMessage(fmt.Sprintf(`{"type":"tool-call","toolCallId":%s,"toolName":%s,"input":%s}`, quoted(c.id), quoted(c.name), c.arguments)))
	}
	return jsontext.Fields{{Name: "role", Value: quoted(s.role)}, {Name: "content", Value: jsontext.List(parts)}}.JSON()
}

// anyOf is JSON as an AnyValue.
func anyOf(raw json.RawMessage) string {
	switch jsontext.Kind(raw) {
	case '{':
		f, _ := jsontext.FieldsOf(raw)
		var list []string
		for _, m := range f {
			list = append(list, attribute(m.Name, anyOf(m.Value)))
		}
		return `{"kvlistValue":{"values":[` + strings.Join(list, ",") + "]}}"
	case '[':
		items, _ := jsontext.ListOf(raw)
		var list []string
		for _, item := range items {
			list = append(list, anyOf(item))
		}
		return `{"arrayValue":{"values":[` + strings.Join(list, ",") + "]}}"
	case '"':
		return `{"stringValue":` + string(raw) + `}`
	case 't', 'f':
		return `{"boolValue":` + string(raw) + `}`
	case 'n':
		return `{}`
	}
	if _, err := strconv.ParseInt(string(raw), 10, 64); err == nil {
		return `{"intValue":"` + string(raw) + `"}`
	}
	return `{"doubleValue":` + string(raw) + `}`
}

func attribute(name, value string) string {
	return `{"key":` + string(quoted(name)) + `,"value":` + value + `}`
}

func stringAttribute(name string, raw []byte) string {
	return attribute(name, `{"stringValue":`+string(quoted(string(raw)))+`}`)
}

// spanOf is a document with one span of a call of a model.
func spanOf(attributes, events []string) string {
	return `{"resourceSpans":[{"scopeSpans":[{"spans":[{"traceId":"4bf92f3577b34da6a3ce929d0e0e4736","spanId":"00f067aa0ba902b7","name":"chat m","startTimeUnixNano":"1700000001000000000","endTimeUnixNano":"1700000002000000000","attributes":[` +
		strings.Join(append(attributes, stringAttribute("gen_ai.request.model", []byte("m"))), ",") + `],"events":[` + strings.Join(events, ",") + `]}]}]}]}`
}

func eventOf(name string, attributes ...string) string {
	return `{"name":"` + name + `","timeUnixNano":"1700000001000000000","attributes":[` + strings.Join(attributes, ",") + `]}`
}

func logOf(name, body string, attributes ...string) string {
	return logs(recordOf(name, body, attributes...))
}

func recordOf(name, body string, attributes ...string) string {
	return `{"eventName":"` + name + `","timeUnixNano":"1700000001000000000","traceId":"4bf92f3577b34da6a3ce929d0e0e4736","spanId":"00f067aa0ba902b7","body":` + body + `,"attributes":[` + strings.Join(attributes, ",") + `]}`
}

func logs(records ...string) string {
	return `{"resourceLogs":[{"scopeLogs":[{"logRecords":[` + strings.Join(records, ",") + `]}]}]}`
}

var (
	chatOperation = stringAttribute("gen_ai.operation.name", []byte("chat"))
	genSystem     = stringAttribute("gen_ai.system", []byte("openai"))
)

// contents are the attributes of the conventions from 1.37 on; write makes the value.
func (k talk) contents(write func(name string, raw []byte) string) []string {
	out := []string{write("gen_ai.input.messages", list(k.asked, said.parts)), write("gen_ai.output.messages", list([]said{k.answer}, said.finished))}
	if k.tools != "" {
		out = append(out, write("gen_ai.tool.definitions", []byte(k.tools)))
	}
	return out
}

func structured(name string, raw []byte) string { return attribute(name, anyOf(raw)) }

func (k talk) messageEvents(write func(name string, body json.RawMessage) string) (out []string) {
	for _, m := range k.asked {
		out = append(out, write("gen_ai."+m.role+".message", m.event()))
	}
	return append(out, write("gen_ai.choice", jsontext.Fields{{Name: "index", Value: []byte("0")}, {Name: "finish_reason", Value: quoted("stop")}, {Name: "message", Value: k.answer.event()}}.JSON()))
}

// members are the attributes of an event whose body is an object.
func members(body json.RawMessage) (out []string) {
	f, _ := jsontext.FieldsOf(body)
	for _, m := range f {
		out = append(out, structured(m.Name, m.Value))
	}
	return out
}

// indexed are the numbered attributes of OpenLLMetry and OpenInference.
func (k talk) indexed(ask, answer, message, call, function string) (out []string) {
	one := func(prefix string, m said) {
		add := func(name, text string) {
			if text != "" {
				out = append(out, stringAttribute(prefix+message+name, []byte(text)))
			}
		}
		add("role", m.role)
		add("content", m.text)
		add("tool_call_id", m.id)
		for i, c := range m.calls {
			at := fmt.Sprintf("tool_calls.%d.%s", i, call)
			add(at+"id", c.id)
			add(at+function+"name", c.name)
			add(at+function+"arguments", c.arguments)
		}
	}
	for i, m := range k.asked {
		one(fmt.Sprintf("%s.%d.", ask, i), m)
	}
	one(answer+".0.", k.answer)
	return out
}

// dialects write a talk as a file; those without a place for tools leave them out.
var dialects = map[string]struct {
	tools bool
	write func(talk) string
}{
	"1.37 texts":      {true, func(k talk) string { return spanOf(append(k.contents(stringAttribute), chatOperation), nil) }},
	"1.37 structured": {true, func(k talk) string { return spanOf(append(k.contents(structured), chatOperation), nil) }},
	"1.37 event": {true, func(k talk) string {
		return spanOf([]string{chatOperation}, []string{eventOf(detailsEvent, k.contents(structured)...)})
	}},
	"1.37 log record": {true, func(k talk) string {
		return spanOf([]string{chatOperation}, nil) + "\n" + logOf(detailsEvent, "{}", k.contents(structured)...)
	}},
	"1.28 span events": {false, func(k talk) string {
		return spanOf([]string{chatOperation}, k.messageEvents(func(name string, body json.RawMessage) string { return eventOf(name, members(body)...) }))
	}},
	"1.28 log records": {false, func(k talk) string {
		records := k.messageEvents(func(name string, body json.RawMessage) string { return recordOf(name, anyOf(body), genSystem) })
		return logs(records...) + spanOf([]string{chatOperation}, nil) + logs(records...) // sent again
	}},
	"1.28 content texts": {false, func(k talk) string {
		return spanOf([]string{chatOperation}, k.messageEvents(func(name string, body json.RawMessage) string {
			return eventOf(name, genSystem, stringAttribute("gen_ai.event.content", body))
		}))
	}},
	"1.27 events": {false, func(k talk) string {
		return spanOf([]string{genSystem}, []string{eventOf("gen_ai.content.prompt", stringAttribute("gen_ai.prompt", list(k.asked, said.chat))),
			eventOf("gen_ai.content.completion", stringAttribute("gen_ai.completion", list([]said{k.answer}, said.chat)))})
	}},
	"1.25 attributes": {false, func(k talk) string {
		return spanOf([]string{genSystem, stringAttribute("gen_ai.prompt", list(k.asked, said.chat)), stringAttribute("gen_ai.completion", list([]said{k.answer}, said.chat))}, nil)
	}},
	"OpenLLMetry": {false, func(k talk) string {
		return spanOf(append(k.indexed("gen_ai.prompt", "gen_ai.completion", "", "", ""), stringAttribute("llm.request.type", []byte("chat"))), nil)
	}},
	"OpenInference": {true, func(k talk) string {
		attributes := append(k.indexed("llm.input_messages", "llm.output_messages", "message.", "tool_call.", "function."), stringAttribute("openinference.span.kind", []byte("LLM")))
		if tools, err := jsontext.ListOf([]byte(k.tools)); err == nil {
			for i, tool := range tools {
				attributes = append(attributes, stringAttribute(fmt.Sprintf("llm.tools.%d.tool.json_schema", i), tool))
			}
		}
		return spanOf(attributes, nil)
	}},
	"AI SDK": {false, func(k talk) string {
		attributes := []string{stringAttribute("ai.operationId", []byte("ai.generateText.doGenerate")), stringAttribute("ai.prompt.messages", list(k.asked, said.sdkParts))}
		if k.answer.text != "" {
			attributes = append(attributes, stringAttribute("ai.response.text", []byte(k.answer.text)))
		}
		var calls []json.RawMessage
		for _, c := range k.answer.calls {
			calls = append(calls, json.RawMessage(fmt.Sprintf(`{"toolCallType":"function","toolCallId":%s,"toolName":%s,"input":%s}`, quoted(c.id), quoted(c.name), quoted(c.arguments))))
		}
		if calls != nil {
			attributes = append(attributes, stringAttribute("ai.response.toolCalls", jsontext.List(calls)))
		}
		return spanOf(attributes, nil)
	}},
}

// plainTalk is a row as decoded JSON. It equates an empty and a missing content of a message with calls, and a text and
// a single part with that text. Arguments are compared as JSON, because some dialects have them as values.
func plainTalk(t *rapid.T, row []byte) any {
	v := exactJSON(t, row)
	messages, _ := v.(map[string]any)["messages"].([]any)
	for _, item := range messages {
		m, ok := item.(map[string]any)
		if !ok {
			t.Fatalf("%s", row)
		}
		calls, _ := m["tool_calls"].([]any)
		for _, c := range calls {
			function := c.(map[string]any)["function"].(map[string]any)
			function["arguments"] = exactJSON(t, []byte(function["arguments"].(string)))
		}
		if text := m["content"]; calls != nil && (text == nil || text == "") {
			delete(m, "content")
		}
		if parts, ok := m["content"].([]any); ok && len(parts) == 1 {
			if part, ok := parts[0].(map[string]any); ok && len(part) == 2 && part["type"] == "text" {
				m["content"] = part["text"]
			}
		}
	}
	return v
}

func dialectComesOut(name string) func(*rapid.T) {
	d := dialects[name]
	return func(t *rapid.T) {
		k := drawTalk(t)
		want := jsontext.Fields{{Name: "messages", Value: list(append(append([]said{}, k.asked...), k.answer), said.chat)}}
		if d.tools && k.tools != "" {
			want.Add("tools", json.RawMessage(k.tools))
		}
		text := d.write(k)
		got := exportedRows(t, otel.Form{}, text, export.RowsMessages)
		if strings.Count(got, "\n") != 1 || !reflect.DeepEqual(plainTalk(t, []byte(got)), plainTalk(t, want.JSON())) {
			t.Fatalf("%s\nbecame\n%sexpected\n%s", text, got, want.JSON())
		}
	}
}

// TestDialectsComeOutAsChats imports each dialect and exports messages.
func TestDialectsComeOutAsChats(t *testing.T) {
	for name := range dialects {
		t.Run(name, rapid.MakeCheck(dialectComesOut(name)))
	}
}

// FuzzDialects does the same with a fuzzer, which also chooses the dialect.
func FuzzDialects(f *testing.F) {
	f.Fuzz(rapid.MakeFuzz(func(t *rapid.T) {
		names := []string{"1.37 texts", "1.37 structured", "1.37 event", "1.37 log record", "1.28 span events", "1.28 log records", "1.28 content texts", "1.27 events", "1.25 attributes", "OpenLLMetry", "OpenInference", "AI SDK"}
		dialectComesOut(rapid.SampledFrom(names).Draw(t, "dialect"))(t)
	}))
}
