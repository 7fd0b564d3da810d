package ingest

import (
	"strings"
	"testing"

	"github.com/mythos-project/mythos/dataset/export"
)

// TestAnswerBesideTheMessages refuses lines whose messages end before the answer: what the
// assistant said last there answers an earlier question.
func TestAnswerBesideTheMessages(t *testing.T) {
	earlier := `{"messages":[{"role":"user","content":"hi"},{"role":"assistant","content":"hello"},{"role":"user","content":"who?"}]`
	for _, beside := range []string{`"response":{"choices":[]}`, `"choices":[{"message":{"role":"assistant","content":"me"}}]`, `"output":"me"`, `"message":{"role":"assistant"}`} {
		refused(t, chat{}, earlier+`,`+beside+`}`, "may stand in "+strings.Trim(strings.SplitN(beside, ":", 2)[0], `"`))
	}
	if r := read(t, chat{}, earlier+`,"choices":null}`)[0]; string(r.Output) != "hello" || !strings.Contains(string(r.Details), `"after":[{"role":"user","content":"who?"}]`) {
		t.Errorf("%s %s", r.Output, r.Details)
	}
	refused(t, chat{}, `{"custom_id":"r","response":{"body":{}},"error":null}`, `no messages, but "custom_id", "response", "error": a mapping`)
	refused(t, chat{}, `{"model":"m","message":{"role":"assistant","content":"a"},"done":true}`, `"message"`)
}

// TestSystemBesideTheMessages keeps it as a part of what was asked, and of rows.
func TestSystemBesideTheMessages(t *testing.T) {
	talk := `"messages":[{"role":"user","content":"q"},{"role":"assistant","content":"a"}]`
	for system, want := range map[string]string{
		`"Count."`: `"Count."`,
		`[{"type":"text","text":"Count.","cache_control":{}}]`: `[{"type":"text","text":"Count.","cache_control":{}}]`,
	} {
		line := `{"system":` + system + `,` + talk + `,"max_tokens":9}`
		r := read(t, chat{}, line)[0]
		if !strings.HasPrefix(string(r.Input), `{"system":`+want+`,"messages":[`) || string(r.Details) != `{"rest":{"max_tokens":9}}` {
			t.Errorf("%s: %s %s", line, r.Input, r.Details)
		}
		if got := exportedRows(t, chat{}, line, export.RowsMessages); !strings.HasPrefix(got, `{"messages":[{"role":"system","content":`+want+`},{"role":"user","content":"q"},`) {
			t.Error(got)
		}
	}
	for _, other := range []string{`{"system":{"fingerprint":1},` + talk + `}`, `{"system":"v2","messages":[{"role":"system","content":"s"},{"role":"user","content":"q"},{"role":"assistant","content":"a"}]}`} {
		if r := read(t, chat{}, other)[0]; !strings.HasPrefix(string(r.Input), `{"messages"`) || !strings.Contains(string(r.Details), `"rest":{"system":`) {
			t.Errorf("%s: %s %s", other, r.Input, r.Details)
		}
	}
}

func TestChatErrors(t *testing.T) {
	line := `{"messages":[{"role":"user","content":"q"},{"role":"assistant","content":"a"}],"error":`
	for raw, note := range map[string]string{`"cut off"`: "error: cut off", `{"message":"too many","code":429}`: "error: too many", `{"code":429}`: `error: {"code":429}`, `true`: "error: true"} {
		r := read(t, chat{}, line+raw+`}`)[0]
		if r.Status != statusFailed || r.Note != note || !strings.Contains(string(r.Details), `"error":`) {
			t.Errorf("%s: %d %s %s", raw, r.Status, r.Note, r.Details)
		}
	}
	for _, none := range []string{`null`, `""`, `false`, `{}`, `[]`, `0`} {
		if r := read(t, chat{}, line+none+`}`)[0]; r.Status != statusOK || r.Note != "" {
			t.Errorf("%s: %d %s", none, r.Status, r.Note)
		}
	}
	r := read(t, chat{}, strings.TrimSuffix(line, `"error":`)+`"created":0,"created_at":1700000000,"timestamp":"2023-01-01T00:00:00Z"}`)[0]
	if r.Time != 1700000000000000 || string(r.Details) != `{"rest":{"created":0,"timestamp":"2023-01-01T00:00:00Z"}}` {
		t.Errorf("times: %d %s", r.Time, r.Details)
	}
}

// TestRolesOfTemplates reads answers of tools under the roles of chat templates, and counts
// roles that nobody knows.
func TestRolesOfTemplates(t *testing.T) {
	for _, role := range []string{"ipython", "observation"} {
		if got := answered(read(t, chat{}, turn(`{"function":{"name":"sum","arguments":"{}"}}`, `{"role":"`+role+`","content":"one"}`))[0]); got != "sum one 200" {
			t.Errorf("%s: %s", role, got)
		}
	}
	h := hear(t, chat{}, turn(`{"function":{"name":"sum","arguments":"{}"}}`, `{"role":"critic","content":"one"}`))
	if len(h.list) != 1 || len(h.lost) != 1 || !strings.Contains(h.lost[0].Why, `"critic"`) || !strings.Contains(string(h.list[0].Input), `"critic"`) {
		t.Errorf("%+v", h)
	}
}

// TestSessionsAreApart reads sessions, and servers of one client, whose ids are the same.
func TestSessionsAreApart(t *testing.T) {
	for _, name := range []string{"sessionId", "mcp-session-id", "server"} {
		in := func(session, direction, message string) string {
			return `{"` + name + `":"` + session + `","direction":"` + direction + `","message":` + message + `}`
		}
		begin := `{"jsonrpc":"2.0","id":0,"method":"initialize"}`
		h := hear(t, mcp{}, strings.Join([]string{in("a", "out", call("1", "fa")), in("b", "out", begin), in("b", "out", call("1", "fb")),
			in("a", "in", result("1", "A")), in("b", "in", result("1", "B"))}, "\n"))
		if len(h.list) != 2 || h.list[0].Calls[0].Tool+string(h.list[0].Output) != "faA" || h.list[1].Calls[0].Tool+string(h.list[1].Output) != "fbB" || len(h.bad)+len(h.lost) > 0 {
			t.Errorf("%s: %+v", name, h)
		}
		// The response to initialize is the first that has the session's name.
		h = hear(t, mcp{}, strings.Join([]string{`{"direction":"out","message":` + begin + `}`, in("a", "in", result("0", "")), in("a", "out", call("1", "fa")), in("a", "in", result("1", "A"))}, "\n"))
		if len(h.list) != 1 || string(h.list[0].Output) != "A" || len(h.bad)+len(h.lost) > 0 {
			t.Errorf("%s, initialize: %+v", name, h)
		}
	}
}

// TestResponsesOfNothing keeps the calls.
func TestResponsesOfNothing(t *testing.T) {
	for _, response := range []string{`{"jsonrpc":"2.0","id":1}`, `{"jsonrpc":"2.0","id":1,"result":null}`, `{"jsonrpc":"2.0","id":1,"error":null}`} {
		h := hear(t, mcp{}, call("1", "a")+"\n"+response+"\n"+call("2", "b")+"\n"+result("2", "B"))
		if len(h.list) != 2 || h.list[0].Status != statusNothing || h.list[0].Note == "" || len(h.lost) != 1 || string(h.list[1].Output) != "B" {
			t.Errorf("%s: %+v", response, h)
		}
	}
}

// TestBytesOfSpans takes bytes as they are: those that are messages as messages, those of
// a tool as its answer.
func TestBytesOfSpans(t *testing.T) {
	text := document(span(1, "", "chat m", "gen_ai.operation.name", "chat", "gen_ai.request.model", `{"bytesValue":"bQ=="}`, "gen_ai.input.messages", `{"bytesValue":"cQ=="}`, "gen_ai.output.messages", `{"bytesValue":"YQ"}`),
		span(2, "", "execute_tool f", "gen_ai.operation.name", "execute_tool", "gen_ai.tool.name", "f", "gen_ai.tool.call.id", `{"bytesValue":"/w=="}`, "gen_ai.tool.call.arguments", `{"bytesValue":"/wA="}`, "gen_ai.tool.call.result", `{"kvlistValue":{"values":[{"key":"b","value":{"bytesValue":"/wA="}}]}}`))
	r := read(t, otel{}, text)[0]
	if got, want := shown(r), "f: \xff\x00 -> {\"b\":\"/wA=\"} (200); q -> a (200)"; got != want || r.Model != "m" || !strings.Contains(string(r.Calls[0].Details), `"id":"/w=="`) {
		t.Errorf("got %q, %s", got, r.Calls[0].Details)
	}
	r = read(t, otel{}, document(span(1, "", "chat m", "gen_ai.prompt.0.role", "user", "gen_ai.prompt.0.content", `{"bytesValue":"cQ=="}`, "gen_ai.completion.0.content", "a", "other", `{"bytesValue":"cQ=="}`)))[0]
	if got := shown(r); got != "q -> a (200)" || !strings.Contains(string(r.Details), `"other":"cQ=="`) {
		t.Errorf("got %q %s", got, r.Details)
	}
}

// TestCutOffBefore counts what a limit had dropped before anything was written.
func TestCutOffBefore(t *testing.T) {
	counted := func(n string) string {
		return strings.Replace(document(chatSpan(1, "q", "a")), `"traceId"`, `"droppedAttributesCount":`+n+`,"traceId"`, 1)
	}
	for n, lost := range map[string]int{"0": 0, "2": 1, `"1"`: 1, "null": 0, "1.0": 1} {
		if h := hear(t, otel{}, counted(n)); len(h.list) != 1 || len(h.lost) != lost {
			t.Errorf("%s: %+v", n, h)
		}
	}
	refused(t, otel{}, counted("-1"), "no count")
}

// TestMappingWithoutOutcome says that nobody knows it.
func TestMappingWithoutOutcome(t *testing.T) {
	m, err := ParseMapping([]byte("input: /q\noutput: /a\nerror: /e\ncalls: {each: /c, tool: /t, response: /r}\n"))
	if err != nil {
		t.Fatal(err)
	}
	for line, want := range map[string]string{
		`{"q":"x","a":"y","c":[{"t":"f","r":""},{"t":"g"}]}`: "f:  ->  (200); g:  ->  (204); x -> y (200)",
		`{"q":"x"}`:                 "x ->  (204)",
		`{"q":"x","a":null}`:        "x ->  (204)",
		`{"q":"x","a":""}`:          "x ->  (200)",
		`{"q":"x","e":"timed out"}`: "x ->  (500)",
	} {
		r := read(t, m, line)[0]
		if got := shown(r); got != want || (r.Status == statusOK) != (r.Note == "") {
			t.Errorf("%s: %s %q, expected %s", line, got, r.Note, want)
		}
	}
}
