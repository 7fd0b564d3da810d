package ingest

import (
	"encoding/json"
	"math/big"
	"reflect"
	"strconv"
	"strings"
	"testing"
	"time"

	sdkrpc "github.com/modelcontextprotocol/go-sdk/jsonrpc"
	sdk "github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/mythos-project/mythos/dataset/ingest/foreign"
	"github.com/mythos-project/mythos/dataset/ingest/foreign/foreigntest"
	"github.com/mythos-project/mythos/internal/decimal"
	"github.com/mythos-project/mythos/internal/jsontext"
)

// Each target below passes the same bytes to a reader of this package and to another author's, and compares the values.

// same compares JSON with a decoded value.
func same(t *testing.T, what string, raw json.RawMessage, want any) {
	t.Helper()
	var got any
	if raw != nil {
		var err error
		if got, err = foreigntest.Decode(raw); err != nil {
			t.Fatalf("%s: %s: %v", what, raw, err)
		}
	}
	if !reflect.DeepEqual(got, want) {
		t.Fatalf("%s is %#v, another reader says %#v", what, got, want)
	}
}

// fields parses an object that this package wrote.
func fields(t *testing.T, raw json.RawMessage) jsontext.Fields {
	t.Helper()
	if len(raw) == 0 {
		return nil
	}
	f, err := jsontext.FieldsOf(raw)
	if err != nil {
		t.Fatalf("%s: %v", raw, err)
	}
	return f
}

// FuzzChatLikeEncodingJSON rebuilds a chat from the record, and finds its calls and answers with an independent reader.
func FuzzChatLikeEncodingJSON(f *testing.F) {
	for line := range strings.Lines(chats) {
		f.Add(line)
	}
	f.Add(turn(twoCalls, `{"role":"tool","content":"one"},{"role":"tool","content":"two"}`))
	f.Add(`{"messages":[{"role":"user","content":[{"type":"image_url","n":1.0}]},{"role":"assistant","content":"a"},{"role":"user","content":null}],"model":"m","usage":{"n":9007199254740993},"id":1e400}`)
	f.Add(`{"messages":[{"role":"developer","content":"d"},{"role":"assistant","tool_calls":[{"id":"x","function":{"name":"f","arguments":"{}"}},{"id":"y","function":{"name":"g","arguments":""}}]},{"role":"tool","tool_call_id":"y","content":"2"},{"role":"tool","tool_call_id":"x","content":"1"},{"role":"assistant","content":"a","refusal":null}]}`)
	f.Add(`{"messages":[{"role":"user","content":"q"},{"role":"assistant","content":"a"}],"":{"n":0}}`)
	f.Fuzz(func(t *testing.T, line string) {
		h := &foreigntest.Hearer{}
		if err := (chat{}).Read(strings.NewReader(line), h); err != nil || len(h.List) != 1 || len(h.Refused) > 0 {
			return
		}
		decoded, err := foreigntest.Decode(h.List[0].Source)
		want, ok := decoded.(map[string]any)
		if err != nil || !ok {
			t.Fatalf("%q was read, which is not a JSON object: %v", line, err)
		}
		r := h.List[0]
		in, d := fields(t, r.Input), fields(t, r.Details)
		messages, err := jsontext.ListOf(in.Get("messages"))
		if err != nil {
			t.Fatal(err)
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
		same(t, "messages", jsontext.List(messages), want["messages"])
		same(t, "tools", in.Get("tools"), want["tools"])
		rest := fields(t, d.Get("rest"))
		for name, value := range want {
			_, known := chatMembers[name]
			timed := (name == "created" || name == "created_at" || name == "timestamp") && r.Time != 0
			switch {
			case value == nil, name == "messages", timed && !rest.Has(name), known && !rest.Has(name):
			case in.Has(name):
				same(t, name, in.Get(name), value)
			default:
				same(t, name, rest.Get(name), value)
			}
		}
		sameCalls(t, r.Calls, want["messages"])
	})
}

// sameCalls compares calls that have plain ids with those found in the messages.
func sameCalls(t *testing.T, calls []foreign.Call, messages any) {
	t.Helper()
	type called struct{ name, arguments, answer string }
	var order []string
	found := map[string]*called{}
	list, _ := messages.([]any)
	for _, item := range list {
		m, _ := item.(map[string]any)
		if _, text := m["content"].(string); !text && m["content"] != nil || m["function_call"] != nil || m["parts"] != nil {
			return // calls may be in parts
		}
		made, _ := m["tool_calls"].([]any)
		for _, item := range made {
			c, _ := item.(map[string]any)
			function, _ := c["function"].(map[string]any)
			id, _ := c["id"].(string)
			name, _ := function["name"].(string)
			arguments, ok := function["arguments"].(string)
			if id == "" || found[id] != nil || !ok || c["custom"] != nil {
				return
			}
			order, found[id] = append(order, id), &called{name: name, arguments: arguments}
		}
		if m["role"] == "tool" {
			id, _ := m["tool_call_id"].(string)
			text, _ := m["content"].(string)
			if found[id] == nil {
				return
			}
			found[id].answer = text
		} else if m["role"] == "function" {
			return
		}
	}
	if len(calls) != len(order) {
		t.Fatalf("%d calls, another reader finds %d", len(calls), len(order))
	}
	for i, c := range calls {
		if w := found[order[i]]; c.Tool != w.name || string(c.Request) != w.arguments || string(c.Response) != w.answer {
			t.Fatalf("call %s is %s(%s) -> %q, another reader says %+v", order[i], c.Tool, c.Request, c.Response, w)
		}
	}
}

// FuzzTranscriptLikeTheSDK reads transcripts with the official SDK's types.
func FuzzTranscriptLikeTheSDK(f *testing.F) {
	f.Add(call("1", "a") + "\n" + result("1", "A"))
	f.Add(call(`"x"`, "a") + "\n" + call("2", "b") + "\n" + `{"jsonrpc":"2.0","id":2,"error":{"code":-32000,"message":"gone"}}` + "\n" + `{"jsonrpc":"2.0","id":"x","result":{"content":[{"type":"text","text":"a"},{"type":"text","text":"b"}],"isError":true,"structuredContent":{"n":9007199254740993}}}`)
	f.Fuzz(func(t *testing.T, text string) {
		h := &foreigntest.Hearer{}
		if err := (mcp{}).Read(strings.NewReader(text), h); err != nil || len(h.Refused)+len(h.Losses) > 0 {
			return
		}
		asked, told := map[string]*sdk.CallToolParamsRaw{}, map[string]*sdkrpc.Response{}
		calls := 0
		for line := range strings.Lines(text) {
			m, err := sdkrpc.DecodeMessage([]byte(strings.TrimSpace(line)))
			if err != nil {
				return
			}
			switch m := m.(type) {
			case *sdkrpc.Request:
				if m.Method != "tools/call" {
					return // ids of two directions may be the same
				}
				p := &sdk.CallToolParamsRaw{}
				if json.Unmarshal(m.Params, p) != nil || asked[idText(m.ID)] != nil {
					return
				}
				asked[idText(m.ID)] = p
				calls++
			case *sdkrpc.Response:
				told[idText(m.ID)] = m
			}
		}
		if calls != len(h.List) {
			t.Fatalf("%d calls, the SDK finds %d: %s", len(h.List), calls, text)
		}
		for _, r := range h.List {
			sameCall(t, r.Calls[0], asked, told)
		}
	})
}

// idText is an id as a key: the SDK has numbers as int64.
func idText(id sdkrpc.ID) string {
	raw, err := json.Marshal(id.Raw())
	if err != nil {
		return ""
	}
	return string(raw)
}

func sameCall(t *testing.T, c foreign.Call, asked map[string]*sdk.CallToolParamsRaw, told map[string]*sdkrpc.Response) {
	t.Helper()
	id := string(fields(t, c.Details).Get("id"))
	if v, err := foreigntest.Decode([]byte(id)); err == nil {
		if n, ok := v.(json.Number); ok {
			whole, _ := decimal.Whole(n.String())
			if id = n.String(); whole != nil && whole.IsInt64() {
				id = whole.String()
			}
		} else if text, err := json.Marshal(v); err == nil {
			id = string(text)
		}
	}
	p := asked[id]
	if p == nil {
		return // an id that the SDK cannot hold
	}
	if c.Tool != p.Name {
		t.Fatalf("call %s is of %q, the SDK says %q", id, c.Tool, p.Name)
	}
	if len(p.Arguments) > 0 && jsontext.Kind(p.Arguments) == '{' {
		want, err := foreigntest.Decode(p.Arguments)
		if err != nil {
			t.Fatal(err)
		}
		same(t, "arguments", c.Request, want)
	}
	answer := told[id]
	if answer == nil {
		if c.Status != foreign.StatusNothing {
			t.Fatalf("call %s has the status %d without an answer", id, c.Status)
		}
		return
	}
	var res sdk.CallToolResult
	if answer.Error != nil || json.Unmarshal(answer.Result, &res) != nil {
		return
	}
	var text strings.Builder
	for _, part := range res.Content {
		p, ok := part.(*sdk.TextContent)
		if !ok {
			return
		}
		text.WriteString(p.Text)
	}
	if text.Len() > 0 && string(c.Response) != text.String() || (c.Status == foreign.StatusFailed) != res.IsError {
		t.Fatalf("call %s answered %q with %d, the SDK says %q, failed: %v", id, c.Response, c.Status, text.String(), res.IsError)
	}
}

// FuzzMappingLikeEncodingJSON follows the pointers of a mapping through decoded values.
func FuzzMappingLikeEncodingJSON(f *testing.F) {
	f.Add(`{"q":["why"],"a/b":{"x": [1.0]},"at":1767225600.25,"ok":false,"steps":[{"n":"wc","i":"a","o":7}],"score":-3,"tag":"bad"}`)
	f.Add(`{"q":"text","a/b":"\ud83d\ude00"}`)
	f.Add(`{"q":[[1,{"a":2}]],"steps":[]}`)
	m, err := ParseMapping([]byte(mapping))
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, line string) {
		h := &foreigntest.Hearer{}
		if err := m.Read(strings.NewReader(line), h); err != nil || len(h.List) != 1 {
			return
		}
		v, err := foreigntest.Decode(h.List[0].Source)
		if err != nil {
			t.Fatal(err)
		}
		r := h.List[0]
		sameText(t, r.Input, follow(v, "q", "0"))
		sameText(t, r.Output, follow(v, "a/b"))
		steps, _ := follow(v, "steps").([]any)
		if len(steps) != len(r.Calls) {
			t.Fatalf("%d calls, another reader finds %d", len(r.Calls), len(steps))
		}
		for i, s := range steps {
			sameText(t, r.Calls[i].Request, follow(s, "i"))
			sameText(t, r.Calls[i].Response, follow(s, "o"))
		}
	})
}

// follow goes down objects and lists.
func follow(v any, steps ...string) any {
	for _, s := range steps {
		switch at := v.(type) {
		case map[string]any:
			v = at[s]
		case []any:
			i, err := strconv.Atoi(s)
			if err != nil || i >= len(at) {
				return nil
			}
			v = at[i]
		default:
			return nil
		}
	}
	return v
}

// sameText compares a payload with a decoded value: a text is itself, everything else JSON.
func sameText(t *testing.T, got []byte, want any) {
	t.Helper()
	if text, ok := want.(string); ok {
		if string(got) != text {
			t.Fatalf("%q, another reader says %q", got, text)
		}
		return
	}
	same(t, "a value", got, want)
}

// FuzzTimesLikeTheLibrary reads texts with package time, and numbers as fractions.
func FuzzTimesLikeTheLibrary(f *testing.F) {
	for _, seed := range []string{`"2024-01-02T03:04:05Z"`, `"1969-12-31T23:59:59.75-08:00"`, `1704164645.25`, `1.704164645e9`, `"-1.5"`, `"2016-12-31T23:59:60Z"`, `1e11`, `-1e14`, `"0000-01-01T00:00:00Z"`} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		raw := json.RawMessage(text)
		if jsontext.Check(raw) != nil || jsontext.Kind(raw) != '"' && !jsontext.IsNumber(raw) {
			return
		}
		got, err := timeOf(raw)
		plain, wrong := jsontext.PlainText(raw)
		if wrong != nil {
			return
		}
		if want, other := time.Parse(time.RFC3339Nano, plain); other == nil && !strings.Contains(plain, ",") {
			if err != nil || int64(got) != want.Unix()*1e6+int64(want.Nanosecond()/1000) {
				t.Fatalf("%s is %d (%v), package time says %d", text, got, err, want.UnixMicro())
			}
			return
		}
		if err != nil || !jsontext.IsNumber(raw) {
			return
		}
		n, ok := new(big.Rat).SetString(strings.TrimSpace(plain))
		if !ok {
			t.Fatalf("%s is %d, and no number", text, got)
		}
		sameInstant(t, text, int64(got), n)
	})
}

// sameInstant checks that a time is one of the four possible meanings of a number: the one with the largest unit for
// which it is before the year 5139.
func sameInstant(t *testing.T, text string, got int64, n *big.Rat) {
	t.Helper()
	size := new(big.Rat).Abs(n)
	unit := big.NewRat(1e6, 1)
	for _, u := range []struct {
		above int64
		unit  *big.Rat
	}{{1e11, big.NewRat(1000, 1)}, {1e14, big.NewRat(1, 1)}, {1e17, big.NewRat(1, 1000)}} {
		// A number just above a bound counts from its next integer on.
		if size.Cmp(new(big.Rat).SetInt64(u.above+1)) >= 0 {
			unit = u.unit
		}
	}
	us := new(big.Rat).Mul(n, unit)
	floor := new(big.Int).Div(us.Num(), us.Denom())
	if floor.Cmp(big.NewInt(got)) != 0 {
		t.Fatalf("%s is %d, expected %s", text, got, floor)
	}
}
