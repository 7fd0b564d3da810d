package ingest

import (
	"fmt"
	"github.com/mythos-project/mythos/dataset/ingest/foreign"
	"github.com/mythos-project/mythos/dataset/ingest/foreign/foreigntest"
	"strings"
	"testing"
)

// call and its kind write lines of a transcript.
func call(id, tool string) string {
	return `{"jsonrpc":"2.0","id":` + id + `,"method":"tools/call","params":{"name":"` + tool + `","arguments":{}}}`
}

func result(id, text string) string {
	return `{"jsonrpc":"2.0","id":` + id + `,"result":{"content":[{"type":"text","text":"` + text + `"}]}}`
}

const rootsAsked, rootsTold = `{"jsonrpc":"2.0","id":1,"method":"roots/list"}`, `{"jsonrpc":"2.0","id":1,"result":{"roots":[]}}`

func wrapped(direction, message string) string {
	return `{"direction":"` + direction + `","message":` + message + `}`
}

func TestMCPDirections(t *testing.T) {
	fails := `{"jsonrpc":"2.0","id":1,"error":{"code":-1,"message":"no roots"}}`
	for name, lines := range map[string][]string{
		"shape":          {call("1", "a"), rootsAsked, rootsTold, result("1", "A")},
		"other order":    {call("1", "a"), rootsAsked, result("1", "A"), rootsTold},
		"server first":   {rootsAsked, call("1", "a"), rootsTold, result("1", "A")},
		"direction":      {wrapped("out", call("1", "a")), wrapped("in", rootsAsked), wrapped("out", fails), wrapped("in", result("1", "A"))},
		"server's words": {wrapped("in", call("1", "a")), wrapped("out", rootsAsked), wrapped("in", fails), wrapped("out", result("1", "A"))},
		"same number":    {call("1", "a"), result("1.0", "A")},
		"batches":        {"[" + call("1", "a") + "," + rootsAsked + "]", "[" + rootsTold + "," + result("1", "A") + "]"},
	} {
		h := foreigntest.Hear(t, mcp{}, strings.Join(lines, "\n"))
		if len(h.List) != 1 || len(h.Refused)+len(h.Losses) > 0 || string(h.List[0].Output) != "A" || h.List[0].Status != foreign.StatusOK {
			t.Errorf("%s: %+v", name, h)
		}
	}
	// Nothing shows whose failure this is.
	h := foreigntest.Hear(t, mcp{}, strings.Join([]string{call("1", "a"), rootsAsked, fails}, "\n"))
	if len(h.Refused) != 1 || len(h.List) != 1 || h.List[0].Status != foreign.StatusNothing || !strings.Contains(h.List[0].Note, "left out") {
		t.Errorf("a failure of either: %+v", h)
	}
	// A response to two requests with one id belongs to neither.
	h = foreigntest.Hear(t, mcp{}, strings.Join([]string{call("1", "a"), call("1", "b"), result("1", "?")}, "\n"))
	if len(h.Refused) != 2 || len(h.List) != 0 {
		t.Errorf("two calls of one id: %+v", h)
	}
	h = foreigntest.Hear(t, mcp{}, call("1", "a")+"\n"+result(`"1"`, "A"))
	if len(h.List) != 1 || h.List[0].Status != foreign.StatusNothing || len(h.Losses) != 1 {
		t.Errorf("1 and \"1\" are one id: %+v", h)
	}
}

// TestMCPOrder: a response is to the request before it, and a request has one response.
func TestMCPOrder(t *testing.T) {
	sampled := `{"jsonrpc":"2.0","id":1,"result":{"role":"assistant","model":"m","content":{"type":"text","text":"S"}}}`
	for name, c := range map[string]struct {
		lines             []string
		want              string // outputs
		lost, bad, passed int
	}{
		"sent again":         {[]string{call("1", "a"), result("1", "A"), result("1", "A")}, "A", 0, 0, 1},
		"otherwise":          {[]string{call("1", "a"), result("1", "A"), result("1", "B")}, "A", 0, 1, 0},
		"before":             {[]string{result("1", "A"), call("1", "a")}, "", 1, 1, 0},
		"before, and after":  {[]string{result("1", "old"), call("1", "a"), result("1", "A")}, "A", 1, 0, 0},
		"ids begin anew":     {[]string{call("1", "a"), result("1", "A"), call("1", "a"), result("1", "B")}, "A B", 0, 0, 0},
		"fractions":          {[]string{call("1.5", "a"), result("1.50", "A")}, "A", 0, 0, 0},
		"fractions differ":   {[]string{call("1.5", "a"), result("1.05", "A")}, "-", 1, 0, 0},
		"the other side's":   {[]string{wrapped("out", call("1", "a")), wrapped("out", sampled), wrapped("in", result("1", "A"))}, "A", 1, 0, 0},
		"no sender's word":   {[]string{wrapped("client", call("1", "a")), wrapped("client", result("1", "A"))}, "A", 0, 0, 0},
		"whose is not known": {[]string{wrapped("out", call("1", "a")), wrapped("out", `{"jsonrpc":"2.0","id":1,"error":{"code":-1,"message":"no"}}`), wrapped("in", result("1", "A"))}, "A", 0, 1, 0},
	} {
		h := foreigntest.Hear(t, mcp{}, strings.Join(c.lines, "\n"))
		var got []string
		for _, r := range h.List {
			if got = append(got, string(r.Output)); r.Status == foreign.StatusNothing {
				got[len(got)-1] = "-"
			}
		}
		lost, passed := 0, 0
		for _, l := range h.Losses {
			lost += l.Count
		}
		for _, p := range h.Others {
			passed += p.Count
		}
		if strings.Join(got, " ") != c.want || lost != c.lost || len(h.Refused) != c.bad || passed != c.passed {
			t.Errorf("%s: %q, %d lost, %d refused, %d passed: %+v", name, got, lost, len(h.Refused), passed, h)
		}
	}
	foreigntest.Refused(t, mcp{}, call("1", "a")+"\n"+`{"jsonrpc":"2.0","id":1,"result":{"content":[],"isError":1}}`, "true or false")
}

func TestMCPResults(t *testing.T) {
	for body, want := range map[string]string{
		`"result":{"content":[{"type":"text","text":"ready"}]},"error":null`:                           "ready 200",
		`"result":null,"error":{"code":-32000,"message":"gone"}`:                                       `{"code":-32000,"message":"gone"} 500 error -32000: gone`,
		`"result":{"content":[],"structuredContent":{"n":9007199254740993}}`:                           `{"n":9007199254740993} 200`,
		`"result":{"content":[{"type":"text","text":"7"}],"structuredContent":{"n":7}}`:                "7 200",
		`"result":{"content":[{"type":"image","data":"AA==","mimeType":"image/png"}],"isError":false}`: `[{"type":"image","data":"AA==","mimeType":"image/png"}] 200`,
		`"result":{"content":[{"type":"text","text":"bad"}],"isError":true}`:                           "bad 500 error: the tool's answer says so",
	} {
		r := foreigntest.Read(t, mcp{}, call("1", "a")+"\n"+`{"jsonrpc":"2.0","id":1,`+body+`}`)[0]
		if got := strings.TrimSpace(fmt.Sprintf("%s %d %s", r.Output, r.Status, r.Note)); got != want {
			t.Errorf("%s is %s, expected %s", body, got, want)
		}
	}
	r := foreigntest.Read(t, mcp{}, call("1", "a")+"\n"+`{"jsonrpc":"2.0","id":1,"result":{"content":[{"type":"text","text":"7"}],"structuredContent":{"n":7.0}}}`)[0]
	if !strings.Contains(string(r.Calls[0].Details), `"structuredContent":{"n":7.0}`) {
		t.Errorf("the structured content is lost: %s", r.Calls[0].Details)
	}
	for line, reason := range map[string]string{`[]`: "empty batch", `{"jsonrpc":"2.0"}`: "neither", `{"a":1}`: "not a JSON-RPC", `{"jsonrpc":"2.0","id":{},"method":"x"}`: "neither a number",
		call("1", ""): "names no tool", `[1]`: "JSON object"} {
		foreigntest.Refused(t, mcp{}, line, reason)
	}
}
