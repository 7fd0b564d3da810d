package otel

import (
	"fmt"
	"strings"
	"testing"

	"github.com/mythos-project/mythos/dataset/ingest/foreign"
	"github.com/mythos-project/mythos/dataset/ingest/foreign/foreigntest"
	"github.com/mythos-project/mythos/internal/jsontext"
)

const (
	traceA = "4bf92f3577b34da6a3ce929d0e0e4736"
	spanA  = "00f067aa0ba902b7"
)

// span writes a span of trace A: its number is the last digit of its id and its second. Attributes are name, value
// pairs; a value that begins with a brace is an AnyValue.
func span(n int, parent, name string, attributes ...string) string {
	var list []string
	for i := 0; i+1 < len(attributes); i += 2 {
		value := attributes[i+1]
		if !strings.HasPrefix(value, "{\"") || strings.HasPrefix(value, `{"q`) {
			value = `{"stringValue":` + string(jsontext.Text(value)) + `}`
		}
		list = append(list, `{"key":"`+attributes[i]+`","value":`+value+`}`)
	}
	return fmt.Sprintf(`{"traceId":"%s","spanId":"%s%d","parentSpanId":"%s","name":"%s","startTimeUnixNano":"170000000%d000000001","endTimeUnixNano":"170000000%d500000000","attributes":[%s]}`,
		traceA, spanA[:15], n, parent, name, n, n, strings.Join(list, ","))
}

func document(spans ...string) string {
	return `{"resourceSpans":[{"scopeSpans":[{"spans":[` + strings.Join(spans, ",") + "]}]}]}\n"
}

func chatSpan(n int, question, answer string) string {
	return span(n, "", "chat m", "gen_ai.operation.name", "chat", "gen_ai.request.model", "m", "gen_ai.input.messages", question, "gen_ai.output.messages", answer,
		"gen_ai.usage.input_tokens", `{"intValue":"52"}`, "gen_ai.response.finish_reasons", `{"arrayValue":{"values":[{"stringValue":"stop"}]}}`)
}

// TestModelCalls keeps each call of a model with its own answer, model and usage.
func TestModelCalls(t *testing.T) {
	r := foreigntest.Read(t, Form{}, document(chatSpan(3, "three", "3"), chatSpan(1, "one", "1"), chatSpan(2, "two", "2")))[0]
	if got, want := foreigntest.Brief(r), "chat m: one -> 1 (200); chat m: two -> 2 (200); three -> 3 (200)"; got != want {
		t.Errorf("got %s", got)
	}
	for _, d := range []foreign.Details{r.Details, r.Calls[0].Details, r.Calls[1].Details} {
		if !strings.Contains(string(d), `"usage":{"input_tokens":52}`) || !strings.Contains(string(d), `"finish_reasons":["stop"]`) || !strings.Contains(string(d), `"model":"m"`) {
			t.Errorf("details %s", d)
		}
	}
	if r.Time != 1700000001000000 || r.Answered != 1700000003000000 || r.Model != "m" {
		t.Errorf("times %d and %d, model %s", r.Time, r.Answered, r.Model)
	}
}

// TestSpansCountOnce reads a span that was sent again, also with its ids written differently.
func TestSpansCountOnce(t *testing.T) {
	a, b := chatSpan(1, "one", "1"), chatSpan(2, "two", "2")
	want := foreigntest.Brief(foreigntest.Read(t, Form{}, document(a, b))[0])
	for name, text := range map[string]string{
		"again": document(a, b) + document(b), "upper case": document(a) + document(strings.ReplaceAll(b, traceA, strings.ToUpper(traceA)), b),
		"base64":      document(a) + document(strings.Replace(b, traceA, "S/kvNXezTaajzpKdDg5HNg==", 1)),
		"other order": document(b, a, b), "attributes in another order": document(a, b) + document(swapped(b)),
	} {
		h := foreigntest.Hear(t, Form{}, text)
		if len(h.List) != 1 || len(h.Refused) > 0 || foreigntest.Brief(h.List[0]) != want {
			t.Errorf("%s: %d episodes, %v", name, len(h.List), h.Refused)
		}
	}
	h := foreigntest.Hear(t, Form{}, document(a)+document(strings.Replace(a, `"one"`, `"other"`, 1)))
	if len(h.Refused) != 1 || !strings.Contains(h.Refused[0].Reason, "not the same") || !strings.Contains(h.Refused[0].Where, "line 2") {
		t.Errorf("two spans of one id: %v", h.Refused)
	}
}

// swapped exchanges the first two attributes of a span.
func swapped(s string) string {
	i := strings.Index(s, `{"key"`)
	j := i + 1 + strings.Index(s[i+1:], `{"key"`)
	k := j + 1 + strings.Index(s[j+1:], `{"key"`)
	return s[:i] + s[j:k] + s[i:j] + s[k:]
}

// TestConventions reads one call in each published convention.
func TestConventions(t *testing.T) {
	const messages = `[{"role":"system","content":"You count."},{"role":"user","content":"How many?"}] -> Seven. (200)`
	for name, c := range map[string]struct{ text, want string }{
		"1.37": {document(span(1, "", "chat", "gen_ai.operation.name", "chat", "gen_ai.system_instructions", `[{"type":"text","content":"You count."}]`,
			"gen_ai.input.messages", `[{"role":"user","parts":[{"type":"text","content":"How many?"}]}]`, "gen_ai.output.messages", `[{"role":"assistant","parts":[]}]`)),
			`{"system_instructions":[{"type":"text","content":"You count."}],"messages":[{"role":"user","parts":[{"type":"text","content":"How many?"}]}]} -> [{"role":"assistant","parts":[]}] (200)`},
		"structured": {document(span(1, "", "chat", "gen_ai.operation.name", "chat", "gen_ai.input.messages",
			`{"arrayValue":{"values":[{"kvlistValue":{"values":[{"key":"role","value":{"stringValue":"user"}},{"key":"n","value":{"intValue":"9007199254740993"}}]}}]}}`, "gen_ai.output.messages", "Seven.")),
			`[{"role":"user","n":9007199254740993}] -> Seven. (200)`},
		"numbered": {document(span(1, "", "openai.chat", "gen_ai.system", "x", "gen_ai.prompt.1.role", "user", "gen_ai.prompt.1.content", "How many?",
			"gen_ai.prompt.0.role", "system", "gen_ai.prompt.0.content", "You count.", "gen_ai.completion.0.role", "assistant", "gen_ai.completion.0.content", "Seven.", "gen_ai.completion.0.finish_reason", "stop")), messages},
		"OpenInference": {document(span(1, "", "ChatCompletion", "openinference.span.kind", "LLM", "llm.input_messages.0.message.role", "system", "llm.input_messages.0.message.content", "You count.",
			"llm.input_messages.1.message.role", "user", "llm.input_messages.1.message.content", "How many?", "llm.output_messages.0.message.role", "assistant", "llm.output_messages.0.message.content", "Seven.",
			"input.value", "all of it", "output.value", "all of it")), messages},
		"calls without text": {document(span(1, "", "chat", "openinference.span.kind", "LLM", "llm.input_messages.0.message.role", "assistant",
			"llm.input_messages.0.message.tool_calls.0.tool_call.id", "c1", "llm.input_messages.0.message.tool_calls.0.tool_call.function.name", "count", "llm.input_messages.0.message.tool_calls.0.tool_call.function.arguments", "{}",
			"llm.input_messages.1.message.role", "tool", "llm.input_messages.1.message.tool_call_id", "c1", "llm.input_messages.1.message.contents.0.message_content.type", "text",
			"llm.input_messages.1.message.contents.0.message_content.text", "7", "llm.output_messages.0.message.content", "Seven.")),
			`[{"role":"assistant","tool_calls":[{"id":"c1","type":"function","function":{"name":"count","arguments":"{}"}}]},{"role":"tool","tool_call_id":"c1","content":[{"type":"text","text":"7"}]}] -> Seven. (200)`},
		"attributes of events": {document(withEvents(span(1, "", "chat", "gen_ai.system", "x"), "gen_ai.content.prompt", `{"key":"gen_ai.prompt","value":{"stringValue":"How many?"}}`,
			"gen_ai.content.completion", `{"key":"gen_ai.completion","value":{"stringValue":"Seven."}}`)), "How many? -> Seven. (200)"},
		"message events": {document(withEvents(span(1, "", "chat", "gen_ai.system", "x"), "gen_ai.system.message", `{"key":"content","value":{"stringValue":"You count."}}`,
			"gen_ai.user.message", `{"key":"gen_ai.event.content","value":{"stringValue":"{\"content\":\"How many?\"}"}}`,
			"gen_ai.choice", `{"key":"message","value":{"stringValue":"{\"content\":\"Seven.\"}"}},{"key":"finish_reason","value":{"stringValue":"stop"}}`)), messages},
		"AI SDK": {document(span(1, "", "ai.generateText.doGenerate", "ai.operationId", "ai.generateText.doGenerate", "ai.prompt.messages", `[{"role":"user","content":"How many?"}]`, "ai.response.text", "Seven.")),
			`[{"role":"user","content":"How many?"}] -> Seven. (200)`},
		"log records": {document(chatSpan(1, "one", "1")) + logged("gen_ai.user.message", 2, `"body":{"kvlistValue":{"values":[{"key":"content","value":{"stringValue":"How many?"}}]}}`) +
			logged("gen_ai.choice", 2, `"body":{"kvlistValue":{"values":[{"key":"message","value":{"kvlistValue":{"values":[{"key":"content","value":{"stringValue":"Seven."}}]}}}]}}`),
			"chat m: one -> 1 (200); How many? -> Seven. (200)"},
		"log record of a span": {logged(eventDetails, 1, `"attributes":[{"key":"gen_ai.input.messages","value":{"stringValue":"How many?"}},{"key":"gen_ai.output.messages","value":{"stringValue":"Seven."}}]`) +
			document(span(1, "", "chat m", "gen_ai.operation.name", "chat")), "How many? -> Seven. (200)"},
		"log record alone": {`{"resourceLogs":[{"scopeLogs":[{"logRecords":[{"eventName":"` + eventDetails + `","timeUnixNano":"5000","attributes":[{"key":"gen_ai.input.messages","value":{"stringValue":"q"}}]}]}]}]}`, "q ->  (204)"},
	} {
		h := foreigntest.Hear(t, Form{}, c.text)
		if len(h.List) != 1 || len(h.Refused)+len(h.Losses) > 0 {
			t.Errorf("%s: %+v", name, h)
			continue
		}
		if got := foreigntest.Brief(h.List[0]); got != c.want {
			t.Errorf("%s:\n%s\nexpected\n%s", name, got, c.want)
		}
	}
}

func withEvents(span string, events ...string) string {
	var list []string
	for i := 0; i+1 < len(events); i += 2 {
		list = append(list, `{"name":"`+events[i]+`","attributes":[`+events[i+1]+`]}`)
	}
	return strings.TrimSuffix(span, "}") + `,"events":[` + strings.Join(list, ",") + "]}"
}

// logged is a log record of span n.
func logged(name string, n int, more string) string {
	return fmt.Sprintf(`{"resourceLogs":[{"scopeLogs":[{"logRecords":[{"eventName":"%s","traceId":"%s","spanId":"%s%d","timeUnixNano":"170000000%d000000000",%s}]}]}]}`+"\n", name, traceA, spanA[:15], n, n, more)
}

// TestOTelLevels starts at any level of a document.
func TestOTelLevels(t *testing.T) {
	s := chatSpan(1, "one", "1")
	for _, text := range []string{s, `{"spans":[` + s + `]}`, `{"scopeSpans":[{"spans":[` + s + `]}]}`, document(s), "[" + document(s) + "]", `{"resource_spans":[{"scope_spans":[{"spans":[` + s + `]}]}]}`,
		`{"resourceSpans":[{"instrumentationLibrarySpans":[{"spans":[` + s + `]}]}]}`, strings.ReplaceAll(document(s), "{", "{\n")} {
		if list := foreigntest.Read(t, Form{}, text); len(list) != 1 || foreigntest.Brief(list[0]) != "one -> 1 (200)" {
			t.Errorf("%s: %d episodes", text, len(list))
		}
	}
	h := foreigntest.Hear(t, Form{}, document(s)+"{broken\n\n"+document(chatSpan(2, "two", "2"))+`{"spans":[{"attributes":[{"key":"gen_ai.system","value":{"stringValue":"`+"\xe9"+`"}}]}]}`)
	if len(h.List) != 1 || len(h.List[0].Calls) != 1 || len(h.Refused) != 2 || h.Refused[0].Where != "line 2" || h.Refused[1].Where != "line 5" {
		t.Errorf("%d episodes, bad: %v", len(h.List), h.Refused)
	}
}

// TestNotUnderstood counts data that is not evidence, with the reason.
func TestNotUnderstood(t *testing.T) {
	agent := span(1, "", "invoke_agent", "gen_ai.operation.name", "invoke_agent", "gen_ai.input.messages", "all", "gen_ai.output.messages", "of it")
	chain := span(2, spanA[:15]+"1", "GET /", "http.route", "/")
	inner := strings.Replace(chatSpan(3, "three", "3"), `"parentSpanId":""`, `"parentSpanId":"`+spanA[:15]+`2"`, 1)
	h := foreigntest.Hear(t, Form{}, document(agent, chain, inner, span(4, "", "chat", "gen_ai.operation.name", "chat"), span(5, "", "embeddings", "gen_ai.operation.name", "embeddings"))+`{"some":"thing"}`)
	if len(h.List) != 1 || foreigntest.Brief(h.List[0]) != "three -> 3 (200)" {
		t.Errorf("%d episodes: %+v", len(h.List), h.List)
	}
	if len(h.Losses) != 2 || h.Losses[0].What != "documents" || h.Losses[1].What != "calls of models" {
		t.Errorf("lost: %v", h.Losses)
	}
	if len(h.Others) != 3 {
		t.Errorf("passed over: %v", h.Others)
	}
	if r := foreigntest.Read(t, Form{}, document(agent))[0]; foreigntest.Brief(r) != "all -> of it (200)" {
		t.Errorf("an agent without spans inside: %s", foreigntest.Brief(r))
	}
	failed := strings.Replace(withEvents(span(1, "", "chat m", "gen_ai.operation.name", "chat", "error.type", "timeout"), "exception", `{"key":"exception.message","value":{"stringValue":"too slow"}}`), "{", `{"status":{"code":2,"message":"deadline"},`, 1)
	if r := foreigntest.Read(t, Form{}, document(failed))[0]; r.Status != foreign.StatusFailed || r.Note != "error: timeout: too slow: deadline" {
		t.Errorf("status %d, note %q", r.Status, r.Note)
	}
}

// TestBytesOfSpans reads bytes unchanged: messages as messages, a tool's answer as its answer.
// TestNoResult: a call of a tool without a result is one without an answer, unless it failed.
func TestNoResult(t *testing.T) {
	call := func(attributes ...string) string {
		return span(2, "", "execute_tool f", append([]string{"gen_ai.operation.name", "execute_tool", "gen_ai.tool.name", "f"}, attributes...)...)
	}
	asked := call("gen_ai.tool.call.arguments", `{"q":1}`)
	for text, want := range map[string]string{
		asked:  "204 no answer was recorded",
		call(): "204 neither its arguments nor its result were recorded",
		strings.Replace(asked, `"attributes"`, `"status":{"code":2,"message":"gone"},"attributes"`, 1): "500 error: gone",
		call("gen_ai.tool.call.result", ""): "200 ",
	} {
		c := foreigntest.Hear(t, Form{}, document(text)).List[0].Calls[0]
		if got := fmt.Sprint(c.Status, " ", c.Note); got != want {
			t.Errorf("%s: %q, expected %q", text, got, want)
		}
	}
}

func TestBytesOfSpans(t *testing.T) {
	text := document(span(1, "", "chat m", "gen_ai.operation.name", "chat", "gen_ai.request.model", `{"bytesValue":"bQ=="}`, "gen_ai.input.messages", `{"bytesValue":"cQ=="}`, "gen_ai.output.messages", `{"bytesValue":"YQ"}`),
		span(2, "", "execute_tool f", "gen_ai.operation.name", "execute_tool", "gen_ai.tool.name", "f", "gen_ai.tool.call.id", `{"bytesValue":"/w=="}`, "gen_ai.tool.call.arguments", `{"bytesValue":"/wA="}`, "gen_ai.tool.call.result", `{"kvlistValue":{"values":[{"key":"b","value":{"bytesValue":"/wA="}}]}}`))
	r := foreigntest.Read(t, Form{}, text)[0]
	if got, want := foreigntest.Brief(r), "f: \xff\x00 -> {\"b\":\"/wA=\"} (200); q -> a (200)"; got != want || r.Model != "m" || !strings.Contains(string(r.Calls[0].Details), `"id":"/w=="`) {
		t.Errorf("got %q, %s", got, r.Calls[0].Details)
	}
	r = foreigntest.Read(t, Form{}, document(span(1, "", "chat m", "gen_ai.prompt.0.role", "user", "gen_ai.prompt.0.content", `{"bytesValue":"cQ=="}`, "gen_ai.completion.0.content", "a", "other", `{"bytesValue":"cQ=="}`)))[0]
	if got := foreigntest.Brief(r); got != "q -> a (200)" || !strings.Contains(string(r.Details), `"other":"cQ=="`) {
		t.Errorf("got %q %s", got, r.Details)
	}
}

// TestCutOffBefore counts data that a limit had dropped before the file was written.
func TestCutOffBefore(t *testing.T) {
	counted := func(n string) string {
		return strings.Replace(document(chatSpan(1, "q", "a")), `"traceId"`, `"droppedAttributesCount":`+n+`,"traceId"`, 1)
	}
	for n, lost := range map[string]int{"0": 0, "2": 1, `"1"`: 1, "null": 0, "1.0": 1} {
		if h := foreigntest.Hear(t, Form{}, counted(n)); len(h.List) != 1 || len(h.Losses) != lost {
			t.Errorf("%s: %+v", n, h)
		}
	}
	foreigntest.Refused(t, Form{}, counted("-1"), "not a count")
}
