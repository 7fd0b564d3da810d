package ingest

import (
	"fmt"
	"strings"
	"testing"

	"github.com/mythos-project/mythos/dataset/export"
	"github.com/mythos-project/mythos/dataset/ingest/foreign"
	"github.com/mythos-project/mythos/dataset/ingest/foreign/foreigntest"
)

// TestAnswerBesideTheMessages refuses lines whose messages end before the answer: the assistant's last message there
// answers an earlier question.
func TestAnswerBesideTheMessages(t *testing.T) {
	earlier := `{"messages":[{"role":"user","content":"hi"},{"role":"assistant","content":"hello"},{"role":"user","content":"who?"}]`
	for _, beside := range []string{`"response":{"choices":[]}`, `"choices":[{"message":{"role":"assistant","content":"me"}}]`, `"output":"me"`, `"message":{"role":"assistant"}`} {
		foreigntest.Refused(t, chat{}, earlier+`,`+beside+`}`, "may stand in "+strings.Trim(strings.SplitN(beside, ":", 2)[0], `"`))
	}
	if r := foreigntest.Read(t, chat{}, earlier+`,"choices":null}`)[0]; string(r.Output) != "hello" || !strings.Contains(string(r.Details), `"after":[{"role":"user","content":"who?"}]`) {
		t.Errorf("%s %s", r.Output, r.Details)
	}
	foreigntest.Refused(t, chat{}, `{"custom_id":"r","response":{"body":{}},"error":null}`, `no messages, but "custom_id", "response", "error": a mapping`)
	foreigntest.Refused(t, chat{}, `{"model":"m","message":{"role":"assistant","content":"a"},"done":true}`, `"message"`)
}

// TestSystemBesideTheMessages keeps the system prompt as part of the question, and of rows.
func TestSystemBesideTheMessages(t *testing.T) {
	talk := `"messages":[{"role":"user","content":"q"},{"role":"assistant","content":"a"}]`
	for system, want := range map[string]string{
		`"Count."`: `"Count."`,
		`[{"type":"text","text":"Count.","cache_control":{}}]`: `[{"type":"text","text":"Count.","cache_control":{}}]`,
	} {
		line := `{"system":` + system + `,` + talk + `,"max_tokens":9}`
		r := foreigntest.Read(t, chat{}, line)[0]
		if !strings.HasPrefix(string(r.Input), `{"system":`+want+`,"messages":[`) || string(r.Details) != `{"rest":{"max_tokens":9}}` {
			t.Errorf("%s: %s %s", line, r.Input, r.Details)
		}
		if got := exportedRows(t, chat{}, line, export.RowsMessages); !strings.HasPrefix(got, `{"messages":[{"role":"system","content":`+want+`},{"role":"user","content":"q"},`) {
			t.Error(got)
		}
	}
	for _, other := range []string{`{"system":{"fingerprint":1},` + talk + `}`, `{"system":"v2","messages":[{"role":"system","content":"s"},{"role":"user","content":"q"},{"role":"assistant","content":"a"}]}`} {
		if r := foreigntest.Read(t, chat{}, other)[0]; !strings.HasPrefix(string(r.Input), `{"messages"`) || !strings.Contains(string(r.Details), `"rest":{"system":`) {
			t.Errorf("%s: %s %s", other, r.Input, r.Details)
		}
	}
}

// TestMappedErrors: the member that a mapping names is a reason by the rule for the member error of chats.
func TestMappedErrors(t *testing.T) {
	m, err := ParseMapping([]byte("input: /q\noutput: /a\nerror: /e\ncalls: {each: /c, tool: /t, response: /p, error: /e}\n"))
	if err != nil {
		t.Fatal(err)
	}
	for raw, want := range map[string]string{
		`null`: "200 ", `""`: "200 ", `false`: "200 ", `{}`: "200 ", `[]`: "200 ", `0`: "200 ",
		`"cut off"`: "500 error: cut off", `{"message":"too many","code":429}`: "500 error: too many", `true`: "500 error: true",
	} {
		r := foreigntest.Read(t, m, `{"q":"x","a":"y","e":`+raw+`,"c":[{"t":"f","p":1,"e":`+raw+`}]}`)[0]
		if got := fmt.Sprint(r.Status, " ", r.Note); got != want {
			t.Errorf("%s: %q, expected %q", raw, got, want)
		}
		if got := fmt.Sprint(r.Calls[0].Status, " ", r.Calls[0].Note); got != want {
			t.Errorf("a call with %s: %q, expected %q", raw, got, want)
		}
	}
}

func TestChatErrors(t *testing.T) {
	line := `{"messages":[{"role":"user","content":"q"},{"role":"assistant","content":"a"}],"error":`
	for raw, note := range map[string]string{`"cut off"`: "error: cut off", `{"message":"too many","code":429}`: "error: too many", `{"code":429}`: `error: {"code":429}`, `true`: "error: true"} {
		r := foreigntest.Read(t, chat{}, line+raw+`}`)[0]
		if r.Status != foreign.StatusFailed || r.Note != note || !strings.Contains(string(r.Details), `"error":`) {
			t.Errorf("%s: %d %s %s", raw, r.Status, r.Note, r.Details)
		}
	}
	for _, none := range []string{`null`, `""`, `false`, `{}`, `[]`, `0`} {
		if r := foreigntest.Read(t, chat{}, line+none+`}`)[0]; r.Status != foreign.StatusOK || r.Note != "" {
			t.Errorf("%s: %d %s", none, r.Status, r.Note)
		}
	}
	r := foreigntest.Read(t, chat{}, strings.TrimSuffix(line, `"error":`)+`"created":0,"created_at":1700000000,"timestamp":"2023-01-01T00:00:00Z"}`)[0]
	if r.Time != 1700000000000000 || string(r.Details) != `{"rest":{"created":0,"timestamp":"2023-01-01T00:00:00Z"}}` {
		t.Errorf("times: %d %s", r.Time, r.Details)
	}
}

// TestRolesOfTemplates reads answers of tools under the roles of chat templates, and counts unknown roles.
func TestRolesOfTemplates(t *testing.T) {
	for _, role := range []string{"ipython", "observation"} {
		if got := answered(foreigntest.Read(t, chat{}, turn(`{"function":{"name":"sum","arguments":"{}"}}`, `{"role":"`+role+`","content":"one"}`))[0]); got != "sum one 200" {
			t.Errorf("%s: %s", role, got)
		}
	}
	h := foreigntest.Hear(t, chat{}, turn(`{"function":{"name":"sum","arguments":"{}"}}`, `{"role":"critic","content":"one"}`))
	if len(h.List) != 1 || len(h.Losses) != 1 || !strings.Contains(h.Losses[0].Why, `"critic"`) || !strings.Contains(string(h.List[0].Input), `"critic"`) {
		t.Errorf("%+v", h)
	}
}

// TestSessionsAreApart reads sessions, and servers of one client, with the same ids.
func TestSessionsAreApart(t *testing.T) {
	for _, name := range []string{"sessionId", "mcp-session-id", "server"} {
		in := func(session, direction, message string) string {
			return `{"` + name + `":"` + session + `","direction":"` + direction + `","message":` + message + `}`
		}
		begin := `{"jsonrpc":"2.0","id":0,"method":"initialize"}`
		h := foreigntest.Hear(t, mcp{}, strings.Join([]string{in("a", "out", call("1", "fa")), in("b", "out", begin), in("b", "out", call("1", "fb")),
			in("a", "in", result("1", "A")), in("b", "in", result("1", "B"))}, "\n"))
		if len(h.List) != 2 || h.List[0].Calls[0].Tool+string(h.List[0].Output) != "faA" || h.List[1].Calls[0].Tool+string(h.List[1].Output) != "fbB" || len(h.Refused)+len(h.Losses) > 0 {
			t.Errorf("%s: %+v", name, h)
		}
		// The response to initialize is the first message with the session's name.
		h = foreigntest.Hear(t, mcp{}, strings.Join([]string{`{"direction":"out","message":` + begin + `}`, in("a", "in", result("0", "")), in("a", "out", call("1", "fa")), in("a", "in", result("1", "A"))}, "\n"))
		if len(h.List) != 1 || string(h.List[0].Output) != "A" || len(h.Refused)+len(h.Losses) > 0 {
			t.Errorf("%s, initialize: %+v", name, h)
		}
	}
}

// TestResponsesOfNothing keeps the calls.
func TestResponsesOfNothing(t *testing.T) {
	for _, response := range []string{`{"jsonrpc":"2.0","id":1}`, `{"jsonrpc":"2.0","id":1,"result":null}`, `{"jsonrpc":"2.0","id":1,"error":null}`} {
		h := foreigntest.Hear(t, mcp{}, call("1", "a")+"\n"+response+"\n"+call("2", "b")+"\n"+result("2", "B"))
		if len(h.List) != 2 || h.List[0].Status != foreign.StatusNothing || h.List[0].Note == "" || len(h.Losses) != 1 || string(h.List[1].Output) != "B" {
			t.Errorf("%s: %+v", response, h)
		}
	}
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
		r := foreigntest.Read(t, m, line)[0]
		if got := foreigntest.Brief(r); got != want || (r.Status == foreign.StatusOK) != (r.Note == "") {
			t.Errorf("%s: %s %q, expected %s", line, got, r.Note, want)
		}
	}
}
