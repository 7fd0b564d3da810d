package ingest

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/mythos-project/mythos/dataset/export"
	"github.com/mythos-project/mythos/dataset/ingest/foreign"
	"github.com/mythos-project/mythos/internal/jsontext"
)

// served is a call of a session, and its expected export.
type served struct {
	id, name, arguments string
	answer              string // the members of the response; empty: no response
	want                string // the response's payload
	status              uint16
}

func drawServed(t *rapid.T, n int) served {
	s := served{id: fmt.Sprint(n), name: rapid.SampledFrom([]string{"list_files", "a.b", "über"}).Draw(t, "tool"), status: foreign.StatusOK}
	if rapid.Bool().Draw(t, "text id") {
		s.id = fmt.Sprintf(`"%d"`, n)
	}
	s.arguments = rapid.SampledFrom([]string{`{}`, `{"n":9007199254740993,"f":1.0}`, `{"s":"\ud83d\ude00 <&>","l":[null,{}]}`}).Draw(t, "arguments")
	text := rapid.SampledFrom([]string{"7", "two\nlines", "<&>\u2028", `{"json":1}`}).Draw(t, "text")
	part := `{"type":"text","text":` + string(jsontext.Text(text)) + `}`
	switch rapid.IntRange(0, 7).Draw(t, "answer") {
	case 0:
		s.answer, s.want = `"result":{"content":[`+part+`]}`, text
	case 1:
		s.answer, s.want = `"result":{"content":[`+part+`,`+part+`],"isError":false},"error":null`, text+text
	case 2:
		s.answer, s.want = `"result":{"content":[`+part+`],"structuredContent":{"n":9007199254740993}}`, text
	case 3:
		s.answer, s.want = `"result":{"content":[],"structuredContent":{"n":1.50,"a":[]}}`, `{"n":1.50,"a":[]}`
	case 4:
		s.answer, s.want = `"result":{"content":[`+part+`],"isError":true}`, text
		s.status = foreign.StatusFailed
	case 5:
		s.answer, s.want = `"error":{"code":-32000,"message":"gone","data":{"n":1e2}}`, `{"code":-32000,"message":"gone","data":{"n":1e2}}`
		s.status = foreign.StatusFailed
	case 6:
		content := `[{"type":"image","data":"AA==","mimeType":"image/png"},` + part + `]`
		s.answer, s.want = `"result":{"content":`+content+`}`, content
	case 7:
		s.status = foreign.StatusNothing
	}
	return s
}

// drawSession writes the lines of a session: requests before their responses and, among them, the server's own
// requests, which use the same ids.
func drawSession(t *rapid.T) ([]served, string) {
	directed, batched := rapid.Bool().Draw(t, "directed"), rapid.Bool().Draw(t, "batched")
	line := func(direction, message string) string {
		if batched {
			message = `[` + message + `,{"jsonrpc":"2.0","method":"notifications/progress","params":{}}]`
		}
		if directed {
			return `{"direction":"` + direction + `","timestamp":1700000000,"message":` + message + `}`
		}
		return message
	}
	var calls []served
	var now, later []string
	for n := range rapid.IntRange(1, 5).Draw(t, "calls") {
		s := drawServed(t, n+1)
		calls = append(calls, s)
		now = append(now, line("client", fmt.Sprintf(`{"jsonrpc":"2.0","id":%s,"method":"tools/call","params":{"name":%s,"arguments":%s}}`, s.id, jsontext.Text(s.name), s.arguments)))
		if directed && rapid.Bool().Draw(t, "server asks") {
			now = append(now, line("server", `{"jsonrpc":"2.0","id":`+s.id+`,"method":"roots/list"}`))
			later = append(later, line("client", `{"jsonrpc":"2.0","id":`+s.id+`,"result":{"roots":[]}}`))
		}
		if s.answer != "" {
			later = append(later, line("server", `{"jsonrpc":"2.0","id":`+s.id+`,`+s.answer+`}`))
		}
		if rapid.Bool().Draw(t, "answers now") {
			now, later = append(now, rapid.Permutation(later).Draw(t, "order")...), nil
		}
	}
	return calls, strings.Join(append(now, rapid.Permutation(later).Draw(t, "order")...), "\n")
}

func transcriptComesOut(t *rapid.T) {
	calls, text := drawSession(t)
	want := map[string]served{}
	for _, s := range calls {
		want[s.id] = s
	}
	for row := range strings.Lines(exportedRows(t, mcp{}, text, export.RowsRaw)) {
		var l export.Line
		if err := json.Unmarshal([]byte(row), &l); err != nil || len(l.Receipts) != 2 {
			t.Fatalf("%s: %v", row, err)
		}
		r := l.Receipts[0]
		d, err := jsontext.FieldsOf(r.Details)
		if err != nil {
			t.Fatal(err)
		}
		s, ok := want[string(d.Get("id"))]
		if !ok {
			t.Fatalf("%s\nhas no call %s: %s", text, d.Get("id"), row)
		}
		delete(want, s.id)
		if r.Tool != s.name || *r.Request.Text != s.arguments || *r.Response.Text != s.want || r.Status != s.status {
			t.Fatalf("%s\ngave %s\nexpected %+v", text, row, s)
		}
	}
	if len(want) > 0 {
		t.Fatalf("%s\ndid not give %v", text, want)
	}
	sameMessages(t, calls, text)
}

// sameMessages checks the rows of messages: those of the successfully answered calls.
func sameMessages(t *rapid.T, calls []served, text string) {
	got, want := map[string]int{}, map[string]int{}
	for row := range strings.Lines(exportedRows(t, mcp{}, text, export.RowsMessages)) {
		v := exactJSON(t, []byte(row))
		messages := v.(map[string]any)["messages"].([]any)
		call := messages[0].(map[string]any)["tool_calls"].([]any)[0].(map[string]any)["function"].(map[string]any)
		got[fmt.Sprint(call["name"], call["arguments"], messages[1].(map[string]any)["content"])]++
	}
	for _, s := range calls {
		if s.status == foreign.StatusOK {
			want[fmt.Sprint(s.name, s.arguments, s.want)]++
		}
	}
	if !reflect.DeepEqual(got, want) {
		t.Fatalf("%s\ngave the messages %v\nexpected %v", text, got, want)
	}
}

// TestTranscriptsComeOutAsTheyWentIn imports sessions and exports their calls.
func TestTranscriptsComeOutAsTheyWentIn(t *testing.T) { rapid.Check(t, transcriptComesOut) }

func FuzzTranscripts(f *testing.F) { f.Fuzz(rapid.MakeFuzz(transcriptComesOut)) }
