package export

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os"
	"reflect"
	"strings"
	"testing"

	goparquet "github.com/fraugster/parquet-go"
	"github.com/parquet-go/parquet-go"

	"github.com/mythos-project/mythos/dataset/export/croissant"
)

// conversations have the pitfalls for readers of tables: nulls, calls, numbers beyond 2^53, escapes, members without a
// column, and texts in parts.
const conversations = `[{"role":"user","content":"<&> \u2028 caf\u00e9 \ud83d\ude00","name":"bob"},` +
	`{"role":"assistant","content":null,"reasoning_content":"hm","tool_calls":[{"index":0,"id":"c1","type":"function","function":{"name":"sum","arguments":"{\"n\":9007199254740993}"}},{"function":{"name":"now","arguments":{"utc": true}}}]},` +
	`{"role":"tool","tool_call_id":"c1","content":"1.0"},{"role":"assistant","content":[{"type":"text","text":"two"},{"type":"text","text":" parts"}],"refusal":null,"n":9007199254740993}]`

// rebuilt is a message rebuilt from its columns, in the form of a chat.
const rebuilt = `[{"role":"user","content":"<&> \u2028 caf\u00e9 \ud83d\ude00","name":"bob"},` +
	`{"role":"assistant","reasoning_content":"hm","tool_calls":[{"more":"{\"index\":0}","id":"c1","type":"function","function":{"name":"sum","arguments":"{\"n\":9007199254740993}"}},{"function":{"name":"now","arguments":"{\"utc\": true}"}}]},` +
	`{"role":"tool","tool_call_id":"c1","content":"1.0"},{"role":"assistant","content":"two parts","more":"{\"refusal\":null,\"n\":9007199254740993}"}]`

func messagesOf(t *testing.T, text string) (list []json.RawMessage) {
	t.Helper()
	if err := json.Unmarshal([]byte(text), &list); err != nil {
		t.Fatal(err)
	}
	return list
}

// TestTablesHoldTheMessages writes a table of each kind, which another author's reader reads.
func TestTablesHoldTheMessages(t *testing.T) {
	list := messagesOf(t, conversations)
	for kind, names := range map[Rows][]string{RowsMessages: {"messages"}, RowsPromptCompletion: {"prompt", "completion"}, RowsPreference: {"prompt", "chosen", "rejected"}} {
		var r training
		for _, n := range names {
			r.columns = append(r.columns, messages(n, list))
		}
		r.tools.Add("tools", json.RawMessage(`[ {"max":9007199254740993} ]`))
		rows, sizes, left := tableRows(kind, []training{r, {columns: r.columns}})
		if len(sizes) != 2 || left != nil {
			t.Fatalf("%s: %d rows, left out: %v", kind, len(sizes), left)
		}
		var out bytes.Buffer
		w := newTableWriter(kind, &out, nil)
		if err := errors.Join(w.write(rows, sizes), w.close()); err != nil {
			t.Fatal(err)
		}
		read := readTable(t, out.Bytes())
		want := map[string]any{"tools": `[{"max":9007199254740993}]`}
		for _, n := range names {
			want[n] = decoded(t, rebuilt)
		}
		if len(read) != 2 || !reflect.DeepEqual(read[0], want) {
			t.Errorf("%s: %v\nexpected\n%v", kind, read, want)
		}
		if delete(want, "tools"); !reflect.DeepEqual(read[1], want) {
			t.Errorf("%s: a row without tools is %v", kind, read[1])
		}
	}
}

func decoded(t *testing.T, text string) (v any) {
	t.Helper()
	if err := json.Unmarshal([]byte(text), &v); err != nil {
		t.Fatal(err)
	}
	return v
}

// readTable reads rows in another author's interpretation: lists of three levels, and texts.
func readTable(t *testing.T, data []byte) (rows []any) {
	t.Helper()
	r, err := goparquet.NewFileReader(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	for {
		row, err := r.NextRow()
		if errors.Is(err, io.EOF) {
			return rows
		}
		if err != nil {
			t.Fatal(err)
		}
		rows = append(rows, plainValue(row))
	}
}

func plainValue(v any) any {
	switch v := v.(type) {
	case []byte:
		return string(v)
	case map[string]any:
		if items, ok := v["list"].([]map[string]any); ok && len(v) == 1 {
			list := []any{}
			for _, i := range items {
				list = append(list, plainValue(i["element"]))
			}
			return list
		}
		out := map[string]any{}
		for name, x := range v {
			out[name] = plainValue(x)
		}
		return out
	}
	return v
}

// TestTablesLeaveOut: data that no column can hold is left out by name, not written in part.
func TestTablesLeaveOut(t *testing.T) {
	for text, want := range map[string]error{
		`{"role":"user","content":[{"type":"text","text":"see"},{"type":"image_url","image_url":{"url":"u"}}]}`: errNoText,
		`{"role":"user","content":{"text":"see"}}`:                                                              errNoText,
		`{"role":"user","content":7}`:                                                                           errNoText,
		`{"role":"user","content":"\ud800"}`:                                                                    errNoText,
		`{"content":"x"}`:                                                                                       errNoMessage,
		`{"role":1,"content":"x"}`:                                                                              errNoMessage,
		`["x"]`:                                                                                                 errNoMessage,
		`{"role":"assistant","tool_calls":[{"function":{"name":"f"}}]}`:                                         errNoCall,
		`{"role":"assistant","tool_calls":[{"function":{"name":"f","arguments":1}}]}`:                           errNoCall,
		`{"role":"assistant","tool_calls":{"name":"f"}}`:                                                        errNoCall,
	} {
		if _, err := newParquetMessage(json.RawMessage(text)); !errors.Is(err, want) {
			t.Errorf("%s: %v, expected %v", text, err, want)
		}
	}
	bad := training{columns: []column{messages("messages", messagesOf(t, `[{"role":"user","content":7}]`))}}
	good := training{columns: []column{messages("messages", messagesOf(t, `[{"role":"user","content":"7"}]`))}}
	if _, sizes, left := tableRows(RowsMessages, []training{bad, good, bad}); len(sizes) != 1 || len(left) != 2 || left[0] != errNoText.Error() {
		t.Errorf("%d rows, left out: %v", len(sizes), left)
	}
}

// TestSchemas: the specification has the schemas, all groups of messages are alike, and a description names the
// columns.
func TestSchemas(t *testing.T) {
	spec, err := os.ReadFile("../../spec/datasets.md")
	if err != nil {
		t.Fatal(err)
	}
	ofMessages := parquet.SchemaOf(messagesRow{}).String()
	head, tail, _ := strings.Cut(ofMessages, "\toptional binary tools")
	_, group, _ := strings.Cut(head, "group messages")
	for _, schema := range []string{parquet.SchemaOf(parquetRow{}).String(), ofMessages} {
		if block := "    " + strings.ReplaceAll(strings.ReplaceAll(schema, "\t", "  "), "\n", "\n    "); !strings.Contains(string(spec), block) {
			t.Errorf("spec/datasets.md does not have\n%s", schema)
		}
	}
	for kind, schema := range map[Rows]*parquet.Schema{RowsPromptCompletion: parquet.SchemaOf(completionRow{}), RowsPreference: parquet.SchemaOf(preferenceRow{})} {
		want := "message " + schema.Name() + " {\n"
		columns := croissant.Columns(kind.table())
		for _, c := range columns[:len(columns)-2] {
			want += "\trequired group " + c.Name + group
		}
		if want += "\toptional binary tools" + tail; schema.String() != want {
			t.Errorf("%s\nexpected\n%s", schema, want)
		}
	}
}
