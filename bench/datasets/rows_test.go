package datasets

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/mythos-project/mythos/dataset"
	"github.com/mythos-project/mythos/dataset/export"
	"github.com/mythos-project/mythos/dataset/ingest"
	"github.com/mythos-project/mythos/dataset/ingest/foreign"
	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/object/sign"
	"github.com/mythos-project/mythos/store"
	"github.com/mythos-project/mythos/store/codec"
	"github.com/mythos-project/mythos/store/memory"
)

// chats have difficult cases for readers of JSON and of Parquet: whole numbers beyond 2^53, decimal digits, texts that
// are JSON, escapes, and failed calls.
const chats = `{"messages":[{"role":"user","content":"<&> \u2028 caf\u00e9 \ud83d\ude00"},{"role":"assistant","content":null,"tool_calls":[{"id":"c1","type":"function","function":{"name":"sum","arguments":"{\"n\":9007199254740993}"}}]},{"role":"tool","tool_call_id":"c1","content":"1.0"},{"role":"assistant","content":"{\"n\":1.0}"}],"tools":[{"type":"function","function":{"name":"sum","parameters":{"maximum":9007199254740993}}}],"model":"m","usage":{"total_tokens":12}}
{"messages":[{"role":"user","content":[{"type":"text","text":"two"},{"type":"image_url","image_url":{"url":"u"}}]},{"role":"assistant","content":[{"type":"tool_use","id":"t","name":"ls","input":{}}]},{"role":"user","content":[{"type":"tool_result","tool_use_id":"t","is_error":true,"content":"denied"}]},{"role":"assistant","content":"'quoted', \"twice\"\n"}]}
`

// importChats exports what was imported, in one form.
func importChats(t *testing.T, name string, o export.Options) {
	ctx := context.Background()
	db := memory.New()
	s := store.New(db, db)
	im := &ingest.Importer{Store: s, Signer: sign.FromSeed([32]byte{3}, "importer"), Time: 1700000000000000, Strict: true}
	form := must[foreign.Reader](t)(ingest.Form("chat"))
	got := must[*ingest.Imported](t)(im.Import(ctx, form, strings.NewReader(chats)))
	list, _, err := dataset.SnapshotCorpus(ctx, s, got.Episodes)
	if err != nil {
		t.Fatal(err)
	}
	o.Payload = export.StorePayload(s)
	o.Trace = func(ctx context.Context, cid object.Hash) ([]byte, bool, error) {
		b, err := s.OpenBlob(ctx, cid, codec.Keys{})
		if err != nil {
			return nil, false, err
		}
		var data bytes.Buffer
		err = b.Copy(ctx, &data)
		return data.Bytes(), true, err
	}
	var out bytes.Buffer
	must[export.File](t)(export.To(ctx, &dataset.StoreSource{Store: s}, list.CID, &out, o))
	must[struct{}](t)(struct{}{}, os.WriteFile(name, out.Bytes(), 0o600))
}

// exact decodes JSON with the digits of its numbers.
func exact(t *testing.T, text string) (v any) {
	dec := json.NewDecoder(strings.NewReader(text))
	dec.UseNumber()
	must[struct{}](t)(struct{}{}, dec.Decode(&v))
	return v
}

// TestDuckDBReadsTrainingRows reads rows of messages and compares them with the lines.
func TestDuckDBReadsTrainingRows(t *testing.T) {
	name, db := filepath.Join(t.TempDir(), "rows.jsonl"), duck(t)
	importChats(t, name, export.Options{Rows: export.RowsMessages})
	text := must[[]byte](t)(os.ReadFile(name))
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")
	rows := ask(t, db, `SELECT CAST(messages AS VARCHAR) FROM read_json('`+name+`', columns={messages: 'JSON', tools: 'JSON'}, format='newline_delimited')`)
	if len(rows) != len(lines) || len(rows) != 2 {
		t.Fatalf("%d rows of %d", len(rows), len(lines))
	}
	for i, line := range lines {
		if want := exact(t, line).(map[string]any)["messages"]; !reflect.DeepEqual(exact(t, rows[i]), want) {
			t.Errorf("DuckDB reads %s\nexpected %v", rows[i], want)
		}
	}
}

// TestDuckDBReadsImportedEvidence reads the names of tools, notes and details of raw rows,
// of JSON lines and of Parquet.
func TestDuckDBReadsImportedEvidence(t *testing.T) {
	dir, db := t.TempDir(), duck(t)
	importChats(t, filepath.Join(dir, "raw.jsonl"), export.Options{})
	importChats(t, filepath.Join(dir, "raw.parquet"), export.Options{Format: export.Parquet})
	var want []string
	text := must[[]byte](t)(os.ReadFile(filepath.Join(dir, "raw.jsonl")))
	for line := range strings.Lines(string(text)) {
		var l export.Line
		must[struct{}](t)(struct{}{}, json.Unmarshal([]byte(line), &l))
		for _, r := range l.Receipts {
			want = append(want, fmt.Sprintf("%s|%d|%s|%s|%s", r.Tool, r.Status, r.Notes, *r.Request.Text, *r.Response.Text))
		}
	}
	for _, from := range []string{"read_json('" + dir + "/raw.jsonl')", "read_parquet('" + dir + "/raw.parquet')"} {
		rows := ask(t, db, `SELECT concat_ws('|', coalesce(r.tool, ''), r.status, r.notes, r.request.text, r.response.text) FROM (SELECT unnest(receipts) AS r FROM `+from+`)`)
		if !reflect.DeepEqual(rows, want) {
			t.Errorf("%s:\n%s\nexpected\n%s", from, strings.Join(rows, "\n"), strings.Join(want, "\n"))
		}
	}
}

// TestDuckDBReadsTables reads a table of each kind of rows, and compares it with the lines.
func TestDuckDBReadsTables(t *testing.T) {
	dir, db := t.TempDir(), duck(t)
	for kind, column := range map[export.Rows]string{export.RowsMessages: "messages", export.RowsPromptCompletion: "completion"} {
		name := filepath.Join(dir, kind.String())
		importChats(t, name+".jsonl", export.Options{Rows: kind})
		importChats(t, name+".parquet", export.Options{Rows: kind, Format: export.Parquet})
		text := must[[]byte](t)(os.ReadFile(name + ".jsonl"))
		var want []string
		for _, line := range strings.Split(strings.TrimSpace(string(text)), "\n") {
			if strings.Contains(line, "image_url") { // no column can represent it
				continue
			}
			for _, m := range exact(t, line).(map[string]any)[column].([]any) {
				m := m.(map[string]any)
				content, _ := m["content"].(string)
				calls := ""
				if list, ok := m["tool_calls"].([]any); ok {
					calls = list[0].(map[string]any)["function"].(map[string]any)["arguments"].(string)
				}
				want = append(want, fmt.Sprintf("%s|%s|%s", m["role"], content, calls))
			}
		}
		rows := ask(t, db, `SELECT concat(m.role, '|', m.content, '|', m.tool_calls[1].function.arguments) FROM (SELECT unnest(`+column+`) AS m FROM read_parquet('`+name+`.parquet'))`)
		if len(want) == 0 || !reflect.DeepEqual(rows, want) {
			t.Errorf("%s:\n%s\nexpected\n%s", kind, strings.Join(rows, "\n"), strings.Join(want, "\n"))
		}
	}
}
