package ingest

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/mythos-project/mythos/dataset"
	"github.com/mythos-project/mythos/dataset/export"
	"github.com/mythos-project/mythos/dataset/ingest/foreign"
	"github.com/mythos-project/mythos/dataset/ingest/foreign/foreigntest"
	"github.com/mythos-project/mythos/dataset/ingest/otel"
	"github.com/mythos-project/mythos/dataset/query"
	"github.com/mythos-project/mythos/internal/jsontext"
	"github.com/mythos-project/mythos/ledger"
	"github.com/mythos-project/mythos/ledger/kvledger"
	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/object/sign"
	"github.com/mythos-project/mythos/store"
	"github.com/mythos-project/mythos/store/memory"
)

const chats = `{"messages":[{"role":"user","content":"how long?"},{"role":"assistant","content":null,"tool_calls":[{"id":"c1","type":"function","function":{"name":"wc","arguments":"{\"f\":\"a\"}"}}]},{"role":"tool","tool_call_id":"c1","content":"7"},{"role":"assistant","content":"7 lines"}],"created":1767225600}

{"messages":[{"role":"user","content":[{"type":"text","text":"hi"}]},{"role":"assistant","content":[{"type":"tool_use","id":"t","name":"ls","input":{"d": 1}},{"type":"text","text":"looking"}]},{"role":"user","content":[{"type":"tool_result","tool_use_id":"t","is_error":true,"content":[{"type":"text","text":"denied"}]}]},{"role":"assistant","content":"sorry"}],"timestamp":"2026-01-01T00:00:00.5Z"}
`

func TestChat(t *testing.T) {
	list := foreigntest.Read(t, chat{}, chats)
	foreigntest.CheckShown(t, list,
		`1767225600000000 {"messages":[{"role":"user","content":"how long?"},{"role":"assistant","content":null,"tool_calls":[{"id":"c1","type":"function","function":{"name":"wc","arguments":"{\"f\":\"a\"}"}}]},{"role":"tool","tool_call_id":"c1","content":"7"}]} -> 7 lines (200); wc {"f":"a"} -> 7 (200)`,
		`1767225600500000 {"messages":[{"role":"user","content":[{"type":"text","text":"hi"}]},{"role":"assistant","content":[{"type":"tool_use","id":"t","name":"ls","input":{"d":1}},{"type":"text","text":"looking"}]},{"role":"user","content":[{"type":"tool_result","tool_use_id":"t","is_error":true,"content":[{"type":"text","text":"denied"}]}]}]} -> sorry (200); ls {"d":1} -> denied (500)`)
	for text, want := range map[string]string{
		"[]": "line 1", "{\"messages\":[]}": "assistant", "{}\n{": "line 1", `{"messages":[{"content":"x"}]}`: "role",
		`{"messages":[{"role":"assistant"}],"created":"soon"}`: "not a time",
	} {
		foreigntest.Refused(t, chat{}, text, want)
	}
}

const spans = `{"resourceSpans":[{"scopeSpans":[{"spans":[
{"traceId":"aa","spanId":"2","name":"execute_tool wc","startTimeUnixNano":"1767225602000000000","endTimeUnixNano":"1767225603000000000","attributes":[{"key":"gen_ai.operation.name","value":{"stringValue":"execute_tool"}},{"key":"gen_ai.tool.name","value":{"stringValue":"wc"}},{"key":"gen_ai.tool.call.arguments","value":{"kvlistValue":{"values":[{"key":"f","value":{"intValue":"5"}}]}}},{"key":"gen_ai.tool.call.result","value":{"stringValue":"7"}}],"status":{"code":2}},
{"traceId":"bb","spanId":"9","name":"GET /","startTimeUnixNano":"1","attributes":[]},
{"traceId":"aa","spanId":"3","name":"chat m","startTimeUnixNano":"1767225604000000000","endTimeUnixNano":"1767225605000000000","attributes":[{"key":"gen_ai.operation.name","value":{"stringValue":"chat"}},{"key":"gen_ai.output.messages","value":{"stringValue":"[7]"}}]}]}]}]}
{"resourceSpans":[{"scopeSpans":[{"spans":[{"traceId":"aa","spanId":"1","name":"chat m","startTimeUnixNano":"1767225600000000000","endTimeUnixNano":"1767225601000000000","attributes":[{"key":"gen_ai.operation.name","value":{"stringValue":"chat"}},{"key":"gen_ai.request.model","value":{"stringValue":"m"}},{"key":"gen_ai.input.messages","value":{"stringValue":"[\"how long?\"]"}}]},
{"traceId":"cc","spanId":"1","name":"chat","startTimeUnixNano":3000,"attributes":[{"key":"gen_ai.operation.name","value":{"stringValue":"chat"}},{"key":"gen_ai.prompt.0.content","value":{"stringValue":"old"}}],"events":[{"name":"gen_ai.choice","attributes":[{"key":"content","value":{"stringValue":"way"}}]}]}]}]}]}
`

func TestOTel(t *testing.T) {
	list := foreigntest.Read(t, otel.Form{}, spans)
	foreigntest.CheckShown(t, list, `1767225600000000  -> [7] (200); chat m ["how long?"] ->  (204); wc {"f":5} -> 7 (500)`, `3 old -> way (200)`)
	for _, text := range []string{"{", `{"resourceSpans":[{"scopeSpans":[{"spans":[{"attributes":[{"key":"gen_ai.system"}]}]}]}]}`} {
		foreigntest.Refused(t, otel.Form{}, text, "line 1")
	}
}

const messages = `{"jsonrpc":"2.0","id":0,"method":"initialize","params":{}}
{"jsonrpc":"2.0","id":0,"result":{}}
{"timestamp":"2026-01-01T00:00:00Z","direction":"out","message":{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"wc","arguments":{"f": "a"}}}}
{"jsonrpc":"2.0","id":2,"method":"tools/call","params":{"name":"ls","arguments":{}}}
{"jsonrpc":"2.0","method":"notifications/progress","params":{}}
{"jsonrpc":"2.0","id":2,"error":{"code":-1,"message":"no"}}
{"jsonrpc":"2.0","id":1,"result":{"content":[{"type":"text","text":"7"}],"isError":false}}
{"jsonrpc":"2.0","id":"x","method":"tools/call","params":{"name":"never"}}
`

func TestMCP(t *testing.T) {
	foreigntest.CheckShown(t, foreigntest.Read(t, mcp{}, messages),
		`0 {} -> {"code":-1,"message":"no"} (500); ls {} -> {"code":-1,"message":"no"} (500)`,
		`1767225600000000 {"f":"a"} -> 7 (200); wc {"f":"a"} -> 7 (200)`,
		`0  ->  (204); never  ->  (204)`)
}

const mapping = `
name: feedback
input: /q/0
output: /a~1b
time: /at
status: /ok
calls: {each: /steps, tool: /n, request: /i, response: /o}
signals: [{type: reward, value: /score}, {type: label, value: /tag}]
`

func TestMapping(t *testing.T) {
	m, err := ParseMapping([]byte(mapping))
	if err != nil {
		t.Fatal(err)
	}
	foreigntest.CheckShown(t, foreigntest.Read(t, m, `{"q":["why"],"a/b":{"x": [1]},"at":1767225600.25,"ok":false,"steps":[{"n":"wc","i":"a","o":7}],"score":-3,"tag":"bad"}`+"\n"+`{"q":["x"]}`),
		`1767225600250000 why -> {"x":[1]} (500); wc a -> 7 (200); reward = -3; label = "bad"`, `0 x ->  (204)`)
	for _, bad := range []string{"", "input: /a", "input: a\noutput: /b", "input: /a\noutput: /b\nmore: /c", "input: /a\noutput: /b\ncalls: {each: /c}",
		"input: /a\noutput: /b\nsignals: [{type: some, value: /c}]", "name: a b\ninput: /a\noutput: /b"} {
		if _, err := ParseMapping([]byte(bad)); err == nil {
			t.Errorf("%q is accepted", bad)
		}
	}
	for _, line := range []string{"x", "{}", `{"q":["x"],"score":0.5}`, `{"q":["x"],"at":"soon"}`, `{"q":["x"],"steps":[{}]}`, `{"q":["x"],"ok":"?"}`} {
		if _, err := m.parse([]byte(line)); err == nil {
			t.Errorf("%s is accepted", line)
		}
	}
}

// TestImportIsMarked imports into a store and selects with a dataset definition.
func TestImportIsMarked(t *testing.T) {
	ctx := context.Background()
	db := memory.New()
	s := store.New(db, db)
	key := sign.FromSeed([32]byte{7}, "importer")
	im := &Importer{Store: s, Signer: key, Time: 5}
	src := &dataset.StoreSource{Store: s, Ledger: kvledger.Open(db, key, func() object.Time { return 1 })}
	m, err := ParseMapping([]byte(mapping))
	if err != nil {
		t.Fatal(err)
	}
	var ids []object.Hash
	for _, c := range []struct {
		form foreign.Reader
		text string
	}{{chat{}, chats}, {otel.Form{}, spans}, {mcp{}, messages}, {m, `{"q":["why"],"a/b":"because","score":2}`}} {
		first, err := im.Import(ctx, c.form, strings.NewReader(c.text))
		if err != nil {
			t.Fatal(err)
		}
		again, err := im.Import(ctx, c.form, strings.NewReader(c.text))
		if err != nil || !slices.Equal(again.Episodes, first.Episodes) {
			t.Errorf("%s gives other episodes again: %v", c.form.Name(), err)
		}
		ids = append(ids, first.Episodes...)
	}
	corpus, count, err := dataset.SnapshotEpisodes(ctx, s)
	if err != nil || int(count) != len(ids) || count != 8 {
		t.Fatalf("%d episodes of %d: %v", count, len(ids), err)
	}
	for text, want := range map[string]int{
		"imported": 8, "not imported": 0, `has_tool("imported:wc")`: 3, "status == 500": 3, "signal.reward >= 2": 1, "imported and episode.time_observed >= 2026-01-01": 4,
		`episode.trace_ref.trace_blob.media == "` + MediaTrace + `"`: 8,
	} {
		e, err := query.Parse(text, nil)
		if err != nil {
			t.Fatal(err)
		}
		def, _, err := dataset.NewDef(dataset.DatasetDef{CorpusRoots: []object.Hash{corpus.CID}, Query: dataset.QueryDef{Predicate: e}, Sampling: dataset.SamplingDef{Mode: dataset.SampleAll, Seed: object.SumText("")}})
		if err != nil {
			t.Fatal(err)
		}
		sel, err := dataset.Select(ctx, src, def)
		if err != nil || len(sel.IDs) != want {
			t.Errorf("%s selects %d, expected %d: %v", text, len(sel.IDs), want, err)
		}
	}
	exported(t, s, src, corpus.CID)
}

// exported checks that lines state their origin, and that receipts do, too.
func exported(t *testing.T, s *store.Store, src *dataset.StoreSource, corpus object.Hash) {
	ctx := context.Background()
	var out strings.Builder
	if _, err := export.To(ctx, src, corpus, &out, export.Options{Payload: export.StorePayload(s)}); err != nil {
		t.Fatal(err)
	}
	forms := map[string]int{}
	for text := range strings.Lines(out.String()) {
		var l export.Line
		if err := json.Unmarshal([]byte(text), &l); err != nil {
			t.Fatal(err)
		}
		forms[l.Source]++
		last := l.Receipts[len(l.Receipts)-1]
		if last.ToolID != ToolImport || last.Request == nil || last.Response == nil {
			t.Errorf("the last receipt is %+v", last)
		}
		for _, r := range l.Receipts {
			raw, err := src.ReceiptBytes(ctx, r.ReceiptID)
			if err != nil {
				t.Fatal(err)
			}
			if opened, _, err := ledger.OpenReceipt(raw); err != nil || opened.Notes == nil || !strings.HasPrefix(*opened.Notes, "imported from "+l.Source) {
				t.Errorf("receipt %+v: %v", opened, err)
			}
		}
	}
	if forms["chat"] != 2 || forms["otel"] != 2 || forms["mcp"] != 3 || forms["feedback"] != 1 {
		t.Errorf("forms %v", forms)
	}
}

func FuzzRead(f *testing.F) {
	for _, seed := range []string{chats, spans, messages, `{"q":["why"],"a/b":"because","score":2}`} {
		f.Add(seed)
	}
	m, err := ParseMapping([]byte(mapping))
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, text string) {
		for _, form := range []foreign.Reader{chat{}, otel.Form{}, mcp{}, m} {
			h := &foreigntest.Hearer{}
			if err := form.Read(strings.NewReader(text), h); err != nil && !errors.Is(err, foreign.ErrEncoding) {
				t.Errorf("%s: %v", form.Name(), err)
			}
			for _, r := range h.List {
				checkRecord(t, form, r)
			}
		}
	})
}

// checkRecord checks invariants of every record: it has a source, its details are JSON objects, and nothing in it was
// replaced.
func checkRecord(t *testing.T, form foreign.Reader, r *foreign.Record) {
	t.Helper()
	if len(r.Source) == 0 {
		t.Errorf("%s: a record without a source", form.Name())
	}
	calls := append([]foreign.Call{{Tool: "answer", Request: r.Input, Response: r.Output, Details: r.Details}}, r.Calls...)
	for _, c := range calls {
		if c.Details != nil && (jsontext.Check(c.Details) != nil || jsontext.Kind(c.Details) != '{') {
			t.Errorf("%s: %s has details that are no object: %s", form.Name(), c.Tool, c.Details)
		}
		if !utf8.Valid(c.Request) || !utf8.Valid(c.Response) {
			t.Errorf("%s: %s: bytes that are no UTF-8 came out of JSON", form.Name(), c.Tool)
		}
	}
}
