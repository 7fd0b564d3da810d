package ingest

import (
	"fmt"
	"reflect"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/mythos-project/mythos/dataset/ingest/foreign"
	"github.com/mythos-project/mythos/dataset/ingest/foreign/foreigntest"
	"github.com/mythos-project/mythos/dataset/ingest/otel"
	"github.com/mythos-project/mythos/internal/jsontext"
)

// turn writes a chat with calls of tools and their answers.
func turn(calls, answers string) string {
	return `{"messages":[{"role":"user","content":"q"},{"role":"assistant","content":"","tool_calls":[` + calls + `]},` + answers + `,{"role":"assistant","content":"a"}]}`
}

const twoCalls = `{"function":{"name":"sum","arguments":"{\"n\":1}"}},{"function":{"name":"max","arguments":"{\"n\":2}"}}`

func TestAnswersOfTools(t *testing.T) {
	named := `{"role":"tool","name":"max","content":"two"},{"role":"tool","name":"sum","content":"one"}`
	for answers, want := range map[string]string{
		named: "sum one 200, max two 200",
		`{"role":"tool","content":"one"},{"role":"tool","content":"two"}`:                                                                      "sum one 200, max two 200",
		`{"role":"tool","name":"max","content":"two"},{"role":"tool","content":"one"}`:                                                         "sum one 200, max two 200",
		`{"role":"tool","name":"max","content":[{"type":"text","text":"tw"},"o"]}`:                                                             "sum  204, max two 200",
		`{"role":"tool","name":"max","content":{"n":9007199254740993}}`:                                                                        `sum  204, max {"n":9007199254740993} 200`,
		`{"role":"tool","name":"max","content":"no","is_error":true}`:                                                                          "sum  204, max no 500",
		`{"role":"user","content":[{"type":"tool_result","name":"max","content":"two"}]}`:                                                      "sum  204, max two 200",
		`{"role":"tool","content":[{"type":"tool-result","toolName":"max","output":{"type":"error-text","value":"no"}}]}`:                      `sum  204, max {"type":"error-text","value":"no"} 500`,
		`{"role":"user","content":[{"type":"web_search_tool_result","name":"max","content":{"type":"web_search_tool_result_error","e":"x"}}]}`: `sum  204, max {"type":"web_search_tool_result_error","e":"x"} 500`,
	} {
		if got := answered(foreigntest.Read(t, chat{}, turn(twoCalls, answers))[0]); got != want {
			t.Errorf("%s: %s, expected %s", answers, got, want)
		}
	}
	same := strings.ReplaceAll(twoCalls, "max", "sum")
	foreigntest.Refused(t, chat{}, turn(twoCalls, `{"role":"tool","content":"one"}`), "not known")
	foreigntest.Refused(t, chat{}, turn(same, `{"role":"tool","name":"sum","content":"one"}`), "not known")
	foreigntest.Refused(t, chat{}, turn(twoCalls, `{"role":"tool","content":"1"},{"role":"tool","content":"2"},{"role":"tool","content":"3"}`), "not known")
	if got := answered(foreigntest.Read(t, chat{}, turn(same, `{"role":"tool","name":"sum","content":"1"},{"role":"tool","name":"sum","content":"2"}`))[0]); got != "sum 1 200, sum 2 200" {
		t.Errorf("two calls of one tool: %s", got)
	}
	ids := `{"id":"x","function":{"name":"sum","arguments":{}}},{"id":"y","function":{"name":"max","arguments":{}}}`
	foreigntest.Refused(t, chat{}, turn(ids, `{"role":"tool","tool_call_id":"x","name":"max","content":"?"}`), "of the tool")
	foreigntest.Refused(t, chat{}, turn(ids, `{"role":"tool","tool_call_id":"x","content":"1"},{"role":"tool","tool_call_id":"x","content":"2"}`), "answered twice")
	foreigntest.Refused(t, chat{}, turn(strings.ReplaceAll(ids, `"y"`, `"x"`), `{"role":"tool","tool_call_id":"x","content":"1"}`), "there are two")
	foreigntest.Refused(t, chat{}, turn(twoCalls, `{"role":"tool","tool_call_id":"x","content":"1"},{"role":"tool","tool_call_id":"y","content":"2"}`), "without an id waits")
	foreigntest.Refused(t, chat{}, turn(ids, `{"role":"tool","tool_call_id":"x","content":"1","is_error":1}`), "true or false")
	early := `{"messages":[{"role":"user","content":"q"},{"role":"tool","tool_call_id":"x","content":"1"},{"role":"assistant","content":"","tool_calls":[{"id":"x","function":{"name":"sum","arguments":{}}}]},`
	foreigntest.Refused(t, chat{}, early+`{"role":"assistant","content":"a"}]}`, "before the call")
	if got := answered(foreigntest.Read(t, chat{}, early+`{"role":"tool","tool_call_id":"x","content":"2"},{"role":"assistant","content":"a"}]}`)[0]); got != "sum 2 200" {
		t.Errorf("an id of a part that is cut off, used again: %s", got)
	}
	h := foreigntest.Hear(t, chat{}, turn(ids, `{"role":"tool","tool_call_id":"z","content":"1"}`))
	if len(h.List) != 1 || len(h.Losses) != 1 || h.Losses[0].Count != 1 {
		t.Errorf("an answer to nothing: %+v", h)
	}
}

func answered(r *foreign.Record) string {
	var list []string
	for _, c := range r.Calls {
		list = append(list, fmt.Sprintf("%s %s %d", c.Tool, c.Response, c.Status))
	}
	return strings.Join(list, ", ")
}

// TestParts reads the parts of a content under every published name.
func TestParts(t *testing.T) {
	for content, want := range map[string]string{
		`[{"type":"output_text","text":"four"}]`: "four", `[{"type":"refusal","refusal":"no"}]`: "no", `[{"text":"ge"},{"text":"mini"}]`: "gemini",
		`[{"type":"text","text":{"value":"v","annotations":[]}}]`: "v", `[{"type":"thinking","thinking":"hm"},{"type":"text","text":"done"}]`: "done",
		`[{"type":"text","content":"conv"}]`: "conv", `[{"type":"text","text":"see"},{"type":"image","n": 1.0}]`: `[{"type":"text","text":"see"},{"type":"image","n":1.0}]`,
		`[{"type":"image_url","image_url":{"url":"u"}}]`: `[{"type":"image_url","image_url":{"url":"u"}}]`, `{"type":"text","text":"one"}`: "one", `"<&>\u2028"`: "<&>\u2028",
	} {
		list := foreigntest.Read(t, chat{}, `{"messages":[{"role":"user","content":"q"},{"role":"assistant","content":`+content+`}]}`)
		if got := string(list[0].Output); got != want {
			t.Errorf("%s is %q, expected %q", content, got, want)
		}
	}
	for part, want := range map[string]string{
		`{"type":"tool_use","id":"1","name":"f","input":{"n":1e2}}`: `f {"n":1e2}`, `{"type":"tool-call","toolCallId":"1","toolName":"f","input":{}}`: `f {}`,
		`{"functionCall":{"name":"f","args":{}}}`: `f {}`, `{"type":"tool_call","id":"1","name":"f","arguments":{}}`: `f {}`, `{"type":"function_call","call_id":"1","name":"f","arguments":"{}"}`: `f {}`,
	} {
		r := foreigntest.Read(t, chat{}, `{"messages":[{"role":"assistant","content":[`+part+`]}]}`)[0]
		if len(r.Calls) != 1 || r.Calls[0].Tool+" "+string(r.Calls[0].Request) != want || r.Calls[0].Status != foreign.StatusNothing {
			t.Errorf("%s: %+v", part, r.Calls)
		}
	}
}

func TestTextThatIsNone(t *testing.T) {
	line := `{"messages":[{"role":"user","content":"drink?"},{"role":"assistant","content":"caf` + "\xe9" + `"}]}`
	foreigntest.Refused(t, chat{}, "\n"+line, "line 2")
	foreigntest.Refused(t, chat{}, line, "not UTF-8")
	foreigntest.Refused(t, chat{}, `{"messages":[{"role":"assistant","content":"\ud83d"}]}`, "surrogate")
	foreigntest.Refused(t, chat{}, `{"messages":[{"role":"assistant","content":"\udc00\ud800"}]}`, "surrogate")
	foreigntest.Refused(t, chat{}, `{"messages":[],"messages":[]}`, "twice")
	foreigntest.Refused(t, chat{}, `{"Messages":[{"role":"assistant","content":"x"}]}`, "no messages")
	if r := foreigntest.Read(t, chat{}, `{"messages":[{"role":"assistant","content":"\ud83d\ude00"}]}`)[0]; string(r.Output) != "😀" {
		t.Errorf("a pair is %q", r.Output)
	}
	if h := foreigntest.Hear(t, chat{}, line+"\n"+chats); len(h.List) != 2 || len(h.Refused) != 1 {
		t.Errorf("%d records, bad: %v", len(h.List), h.Refused)
	}
}

func TestBeginnings(t *testing.T) {
	for head, name := range map[string]string{"\xff\xfe{\x00": "UTF-16", "\xfe\xff\x00{": "UTF-16", "{\x00\"\x00": "UTF-16", "\x00{": "UTF-16", "\x1f\x8b\x08": "gzip", "\x28\xb5\x2f\xfd": "zstd",
		"BZh9": "bzip2", "PK\x03\x04": "ZIP", "PAR1": "Parquet", "\xff\xfe\x00\x00": "UTF-32"} {
		for _, form := range []foreign.Reader{chat{}, otel.Form{}, mcp{}} {
			if err := form.Read(strings.NewReader(head), &foreigntest.Hearer{}); err == nil || !strings.Contains(err.Error(), name) {
				t.Errorf("%s, %q: %v", form.Name(), head, err)
			}
		}
	}
	mark := string(foreign.ByteOrderMark)
	if n := len(foreigntest.Read(t, chat{}, mark+chats+mark+chats)); n != 4 {
		t.Errorf("%d chats after byte order marks", n)
	}
	if n := len(foreigntest.Read(t, otel.Form{}, mark+spans)); n != 2 {
		t.Errorf("%d traces after a byte order mark", n)
	}
}

// TestChatLosesNothing rebuilds the messages of chats from records: the question, the answer, and what came after it.
func TestChatLosesNothing(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		line := drawChat(t)
		h := &foreigntest.Hearer{}
		if err := (chat{}).Read(strings.NewReader(line), h); err != nil || len(h.List) != 1 || len(h.Refused)+len(h.Losses) > 0 {
			t.Fatalf("%s: %v, %+v", line, err, h)
		}
		if got, want := exactJSON(t, rebuilt(t, h.List[0])), exactJSON(t, []byte(line)); !reflect.DeepEqual(got, want) {
			t.Fatalf("%s\nbecame %s", line, rebuilt(t, h.List[0]))
		}
	})
}

// rebuilt writes the line of a chat from a record.
func rebuilt(t *rapid.T, r *foreign.Record) []byte {
	in, err := jsontext.FieldsOf(r.Input)
	if err != nil {
		t.Fatal(err)
	}
	messages, err := jsontext.ListOf(in.Get("messages"))
	if err != nil {
		t.Fatal(err)
	}
	d := jsontext.Fields{}
	if r.Details != nil {
		if d, err = jsontext.FieldsOf(r.Details); err != nil {
			t.Fatal(err)
		}
	}
	answer := d.Get("message")
	if answer == nil {
		answer = jsontext.Fields{{Name: "role", Value: jsontext.Text("assistant")}, {Name: "content", Value: jsontext.Text(string(r.Output))}}.JSON()
	}
	messages = append(messages, answer)
	if after := d.Get("after"); after != nil {
		more, err := jsontext.ListOf(after)
		if err != nil {
			t.Fatal(err)
		}
		messages = append(messages, more...)
	}
	out := jsontext.Fields{{Name: "messages", Value: jsontext.List(messages)}}
	out.Add("tools", in.Get("tools"))
	for _, name := range []string{"model", "usage"} {
		out.Add(name, d.Get(name))
	}
	if rest := d.Get("rest"); rest != nil {
		more, err := jsontext.FieldsOf(rest)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, more...)
	}
	return out.JSON()
}

// exactJSON is decoded JSON that keeps the digits of numbers.
func exactJSON(t *rapid.T, data []byte) any {
	v, err := foreigntest.Decode(data)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// drawChat writes a chat of any supported shape.
func drawChat(t *rapid.T) string {
	text := rapid.Custom(func(t *rapid.T) string {
		return string(jsontext.Text(rapid.SampledFrom([]string{"", "hi", "<&> \u2028", "caf\u00e9 \U0001f600", "a\nb\x00", `{"n":1.0}`}).Draw(t, "text")))
	})
	number := rapid.SampledFrom([]string{"1.0", "9007199254740993", "1e2", "-0", "18446744073709551616"})
	content := rapid.Custom(func(t *rapid.T) string {
		switch rapid.IntRange(0, 3).Draw(t, "content") {
		case 0:
			return `[{"type":"text","text":` + text.Draw(t, "part") + `},{"type":"image_url","image_url":{"url":"u","n":` + number.Draw(t, "n") + `}}]`
		case 1:
			return `[{"type":"input_text","text":` + text.Draw(t, "part") + `}]`
		}
		return text.Draw(t, "content")
	})
	var messages []string
	for i := range rapid.IntRange(0, 4).Draw(t, "turns") {
		messages = append(messages, `{"role":"user","content":`+content.Draw(t, "user")+`}`)
		if rapid.Bool().Draw(t, "call") {
			id := fmt.Sprintf(`"call %d"`, i)
			messages = append(messages, `{"role":"assistant","content":null,"tool_calls":[{"id":`+id+`,"type":"function","function":{"name":"f","arguments":"{\"n\":`+number.Draw(t, "n")+`}"}}]}`,
				`{"role":"tool","tool_call_id":`+id+`,"content":`+content.Draw(t, "tool")+`}`)
		}
	}
	answer := rapid.SampledFrom([]string{`{"role":"assistant","content":%s}`, `{"content":%s,"role":"assistant","refusal":null}`, `{"role":"assistant","name":"n","content":[{"type":"output_text","text":%s}]}`}).Draw(t, "answer")
	messages = append(messages, fmt.Sprintf(answer, text.Draw(t, "text")))
	if rapid.Bool().Draw(t, "after") {
		messages = append(messages, `{"role":"user","content":`+content.Draw(t, "thanks")+`}`)
	}
	line := `{"messages":[` + strings.Join(messages, ",") + `]`
	for _, more := range []string{`,"tools":[{"type":"function","function":{"name":"f","parameters":{"n":1.0}}}]`, `,"model":"m"`, `,"usage":{"total_tokens":9007199254740993}`, `,"id":"x","temperature":0.10`} {
		if rapid.Bool().Draw(t, "member") {
			line += more
		}
	}
	return line + "}"
}
