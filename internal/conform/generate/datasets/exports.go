package datasets

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/mythos-project/mythos/dataset/ingest"
	"github.com/mythos-project/mythos/dataset/ingest/foreign"
	"github.com/mythos-project/mythos/dataset/signal"
	"github.com/mythos-project/mythos/internal/conform/generate/vector"
	"github.com/mythos-project/mythos/ledger"
	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/store"
	"github.com/mythos-project/mythos/store/memory"
)

// Exports write a few episodes as JSON lines.
func Exports() *vector.Set {
	s := &vector.Set{Class: "exports", About: "episodes as lines of JSON, byte for byte: with and without payloads, names of tools and redaction, and as rows for training"}
	w := newEvidence()
	ids := w.ascending()[:3]
	payloads := []string{}
	for i := range 12 {
		payloads = append(payloads, vector.Hex(fmt.Appendf(nil, "request %d", i)), vector.Hex(fmt.Appendf(nil, "response %d", i)))
	}
	show := func(id string, more vector.Fields) {
		in := vector.Fields{"ids": ids, "episodes": w.episodes, "receipts": w.receipts, "signals": w.signals}
		for k, v := range more {
			in[k] = v
		}
		s.Add(id, in)
	}
	names := map[string]string{object.SumText("tool:wc").String(): "wc"}
	rules := []vector.Fields{{"regex": "[0-9]+", "of": "request", "label": "number"}, {"regex": "good", "of": "signal"}}
	key := vector.Hex([]byte("a key of 16 byte"))
	show("hashes alone", nil)
	show("payloads, and a name of a tool", vector.Fields{"payloads": payloads, "tools": names})
	show("redacted", vector.Fields{"payloads": payloads, "tools": names, "redact": rules, "key": key})
	show("redacted, without payloads", vector.Fields{"redact": rules, "key": key})
	for _, rows := range []string{"messages", "prompt-completion", "preference"} {
		show("rows: "+rows, vector.Fields{"payloads": payloads, "rows": rows})
	}
	chat := imported(vector.Must(ingest.Form("chat")), chatLines)
	for _, rows := range []string{"raw", "messages", "prompt-completion", "preference"} {
		s.Add("imported chats, rows: "+rows, chat(rows))
	}
	s.Add("rated answers, rows: preference", imported(vector.Must(ingest.ParseMapping([]byte("name: mine\ninput: /q\noutput: /a\nsignals: [{type: reward, value: /r}]\n"))), ratedLines)("preference"))
	return s
}

// ratedLines are answers to a few questions: the best one to the first is there twice.
const ratedLines = `{"q":"why?","a":"because so","r":10}` + "\n" + `{"q":"why?","a":"dunno","r":-10}` + "\n" + `{"q":"why?","a":"because so","r":2}` + "\n" +
	`{"q":"why?","a":"who asks?","r":10}` + "\n" + `{"q":"how?","a":"so","r":1}` + "\n" + `{"q":"when?","a":"now"}` + "\n" + `{"q":"who?","a":"you","r":"they"}` + "\n"

const chatLines = `{"messages":[{"role":"system","content":"Be short."},{"role":"user","content":"2+2?"},{"role":"assistant","content":"4"}],"id":"a"}` + "\n" +
	`{"messages":[{"role":"user","content":"\u0041 \"quoted\" line\nbreak, \u2028 and <tag>&"},{"role":"assistant","content":"ok"}]}` + "\n"

// imported is evidence of a form for exports.
func imported(form foreign.Reader, text string) func(rows string) vector.Fields {
	ctx, db := context.Background(), memory.New()
	st := store.New(db, db)
	im := ingest.Importer{Store: st, Signer: vector.Bob, Time: object.Time(vector.Start)}
	got := vector.Must(im.Import(ctx, form, strings.NewReader(text)))
	ids := slices.Clone(got.Episodes)
	slices.SortFunc(ids, object.Hash.Compare)
	var episodes, receipts, signals, payloads []string
	for _, id := range ids {
		raw := vector.Must(st.Object(ctx, id)).Raw
		episodes = append(episodes, vector.Hex(raw))
		e := vector.Must(object.Decode[object.EpisodeRef](raw))
		hashes := []object.Hash{e.TraceRef.TraceBlob.CID}
		for _, r := range e.TraceRef.ReceiptIDs {
			raw := vector.Must(st.Object(ctx, r)).Raw
			receipts = append(receipts, vector.Hex(raw))
			receipt := vector.Must(object.Decode[ledger.Receipt](raw))
			hashes = append(hashes, receipt.RequestHash, receipt.ResponseHash)
		}
		for _, raw := range vector.Must(signal.About(ctx, st, id)) {
			signals = append(signals, vector.Hex(raw))
		}
		for _, h := range hashes {
			payloads = append(payloads, vector.Hex(vector.Must(st.Bytes(ctx, h))))
		}
	}
	return func(rows string) vector.Fields {
		return vector.Fields{"ids": ids, "episodes": episodes, "receipts": receipts, "signals": signals, "payloads": payloads, "rows": rows}
	}
}

// Redactions apply rules to payloads.
func Redactions() *vector.Set {
	s := &vector.Set{Class: "redaction", About: "rules, payloads and what is left of them; a payload that a rule is for and cannot be applied to is withheld"}
	key := vector.Hex([]byte("a key of 16 byte"))
	show := func(id string, rules []vector.Fields, of, payload string) {
		s.Add(id, vector.Fields{"rules": rules, "key": key, "of": of, "tool_id": vector.Tool, "payload": vector.Hex([]byte(payload))})
	}
	name := []vector.Fields{{"pointer": "/user/name"}}
	show("a pointer", name, "request", `{"user":{"name":"Ada","age":36},"n":1.50}`)
	show("a pointer to an object", []vector.Fields{{"pointer": "/user", "label": "who"}}, "request", `{"user":{"name":"Ada"}}`)
	show("a pointer that leads nowhere", name, "request", `{"user":{}}`)
	show("a pointer, and no JSON", name, "request", `Ada`)
	show("a pointer, and a member twice", name, "request", `{"user":{"name":"Ada","name":"Bob"}}`)
	show("any member", []vector.Fields{{"pointer": "/*/name"}}, "request", `{"a":{"name":"Ada"},"b":[1],"c":{"name":2}}`)
	show("any item", []vector.Fields{{"pointer": "/list/*"}}, "request", `{"list":["a",{"b":1},null]}`)
	mail := []vector.Fields{{"regex": `[a-z]+@[a-z.]+`, "label": "mail"}}
	show("a regex in a text", mail, "response", "write to ada@example.org and bob@example.org, ada@example.org")
	show("a regex in JSON, strings and names", mail, "response", `{"ada@example.org":["bob@example.org",{"x":5}]}`)
	show("a regex in JSON, an escape hides nothing", mail, "response", `{"to":"ada\u0040example.org"}`)
	show("a regex in bytes that are no text", mail, "response", "\xff\xfe")
	show("a regex without a match", mail, "response", "nobody")
	show("of requests, in a response", []vector.Fields{{"regex": "Ada", "of": "request"}}, "response", "Ada")
	show("of another tool", []vector.Fields{{"regex": "Ada", "tool": object.SumText("tool:other").String()}}, "request", "Ada")
	show("two rules, one after the other", []vector.Fields{{"regex": "Ada", "label": "name"}, {"pointer": "/b"}}, "request", `{"a":"Ada","b":"Ada"}`)
	show("rules: neither pointer nor regex", []vector.Fields{{"label": "x"}}, "request", "Ada")
	show("rules: both", []vector.Fields{{"label": "x", "regex": "a", "pointer": "/a"}}, "request", "Ada")
	show("rules: no regex", []vector.Fields{{"regex": "("}}, "request", "Ada")
	show("rules: no pointer", []vector.Fields{{"pointer": "a"}}, "request", "Ada")
	s.Add("rules: a key of 15 bytes", vector.Fields{"rules": mail, "key": vector.Hex([]byte("a key of 15 byt")), "of": "request", "tool_id": vector.Tool, "payload": ""})
	return s
}

// Imports read foreign evidence.
func Imports() *vector.Set {
	s := &vector.Set{Class: "imports", About: "foreign evidence, and the episodes, traces and receipts that the importer makes of it"}
	show := func(id, form, text string, more vector.Fields) {
		in := vector.Fields{"form": form, "text": text, "as": "bob", "at_us": vector.Start}
		for k, v := range more {
			in[k] = v
		}
		s.Add(id, in)
	}
	const line = `{"messages":[{"role":"user","content":"2+2?"},{"role":"assistant","content":"4"}]`
	show("chat", "chat", chatLines, nil)
	show("chat: a call of a tool", "chat", `{"messages":[{"role":"user","content":"add"},{"role":"assistant","tool_calls":[{"id":"c1","type":"function","function":{"name":"sum","arguments":"{\"a\":1.0}"}}]},`+
		`{"role":"tool","tool_call_id":"c1","content":"3"},{"role":"assistant","content":"3"}]}`+"\n", nil)
	show("chat: an empty file", "chat", "", nil)
	show("chat: a line that is no JSON, the others are taken", "chat", line+"}\nnonsense\n", nil)
	show("chat: a line that is no JSON, strictly", "chat", line+"}\nnonsense\n", vector.Fields{"strict": true})
	show("chat: a member twice", "chat", line+`,"id":"a","id":"b"}`+"\n", nil)
	show("chat: half a surrogate pair", "chat", strings.Replace(line, "2+2?", `\ud800`, 1)+"}\n", nil)
	show("chat: a byte order mark, CRLF", "chat", "\ufeff"+line+"}\r\n", nil)
	show("chat: its system prompt", "chat", strings.Replace(line, "{", `{"system":"Be short.",`, 1)+"}\n", nil)
	show("chat: an answer beside the messages", "chat", strings.Replace(line, "]", `,{"role":"user","content":"3+3?"}]`, 1)+`,"response":"6"}`+"\n", nil)
	show("chat: a failure beside the messages", "chat", line+`,"error":{"code":502,"message":"cut"}}`+"\n", nil)
	for _, at := range []string{"1790000000", "1790000000.5", "1790000000123", "1790000000123456", "1790000000123456789", `"2026-09-21T12:00:00Z"`, `"2026-09-21 12:00:00.123456789+02"`, `"2026-09-21T12:00:00"`, `"soon"`} {
		mapping := "name: mine\ninput: /q\noutput: /a\ntime: /t\n"
		s.Add("time: "+at, vector.Fields{"mapping": mapping, "text": `{"q":"x","a":"y","t":` + at + "}\n", "as": "bob", "at_us": vector.Start})
	}
	mapping := "name: mine\ninput: /q\noutput: /a\nstatus: /s\ncalls: {each: /c, tool: /n, request: /i, response: /o, id: /id}\nsignals: [{type: reward, value: /r, scale: 10}]\n"
	for _, text := range []string{`{"q":"x","a":"y","s":200,"c":[{"n":"wc","i":{"k":1},"o":"1","id":"1"}],"r":0.5}`, `{"q":"x","a":"y","s":200.0,"c":[],"r":1e0}`, `{"q":"x","a":"y","s":200.5,"c":[]}`,
		`{"q":"x","a":"y","r":0.55}`, `{"q":"x","r":true,"c":[{"n":"wc","i":1}]}`} {
		s.Add("mapping: "+text, vector.Fields{"mapping": mapping, "text": text + "\n", "as": "bob", "at_us": vector.Start})
	}
	for _, bad := range []string{"name: mine\n", "name: mine\ninput: q\noutput: /a\n", "name: mine\ninput: /q\noutput: /a\nother: 1\n", "name: mine\ninput: /01\noutput: /-\n"} {
		s.Addf(vector.Fields{"mapping": bad, "text": "{}\n", "as": "bob", "at_us": vector.Start}, "no mapping: %q", bad)
	}
	const call, answer = `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"sum","arguments":{"a":1.0}}}`, `{"jsonrpc":"2.0","id":1,"result":{"content":[{"type":"text","text":"3"}]}}`
	show("mcp", "mcp", call+"\n"+answer+"\n", nil)
	show("mcp: ids 1 and 1.0 are the same", "mcp", call+"\n"+strings.Replace(answer, `"id":1`, `"id":1.0`, 1)+"\n", nil)
	show(`mcp: ids 1 and "1" are not`, "mcp", call+"\n"+strings.Replace(answer, `"id":1`, `"id":"1"`, 1)+"\n", nil)
	show("mcp: an error", "mcp", call+"\n"+`{"jsonrpc":"2.0","id":1,"error":{"code":-32000,"message":"no"}}`+"\n", nil)
	show("mcp: neither result nor error", "mcp", call+"\n"+`{"jsonrpc":"2.0","id":1,"result":null}`+"\n", nil)
	const first, second = `{"sessionId":"a","message":`, `{"sessionId":"b","message":`
	show("mcp: ids of two sessions", "mcp", first+call+"}\n"+second+call+"}\n"+second+answer+"}\n"+first+strings.Replace(answer, "3", "4", 1)+"}\n", nil)
	show("otel: bytes", "otel", strings.Replace(otelSpan, `{"stringValue":"[{\"role\":\"user\",\"parts\":[{\"type\":\"text\",\"content\":\"2+2?\"}]}]"}`, `{"bytesValue":"MisyPw=="}`, 1), nil)
	show("otel: nothing in it", "otel", `{"resourceSpans":[]}`, nil)
	show("otel: a call of a model", "otel", otelSpan, nil)
	return s
}

const otelSpan = `{"resourceSpans":[{"scopeSpans":[{"spans":[{"traceId":"0102030405060708090a0b0c0d0e0f10","spanId":"0102030405060708","name":"chat m","startTimeUnixNano":"1790000000000000000",` +
	`"endTimeUnixNano":"1790000001000000000","attributes":[{"key":"gen_ai.operation.name","value":{"stringValue":"chat"}},{"key":"gen_ai.request.model","value":{"stringValue":"m"}},` +
	`{"key":"gen_ai.input.messages","value":{"stringValue":"[{\"role\":\"user\",\"parts\":[{\"type\":\"text\",\"content\":\"2+2?\"}]}]"}},` +
	`{"key":"gen_ai.output.messages","value":{"stringValue":"[{\"role\":\"assistant\",\"parts\":[{\"type\":\"text\",\"content\":\"4\"}],\"finish_reason\":\"stop\"}]"}}]}]}]}]}`
