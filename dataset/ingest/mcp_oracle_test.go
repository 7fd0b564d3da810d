package ingest

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"testing"

	sdk "github.com/modelcontextprotocol/go-sdk/mcp"
	"pgregory.net/rapid"

	"github.com/mythos-project/mythos/dataset/ingest/foreign"
	"github.com/mythos-project/mythos/dataset/ingest/foreign/foreigntest"
	"github.com/mythos-project/mythos/internal/jsontext"
)

// TestResultsLikeTheSDK reads results that the official SDK writes: the texts of the content are the response, and the
// SDK reads the whole result back from the details.
func TestResultsLikeTheSDK(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := &sdk.CallToolResult{IsError: rapid.Bool().Draw(t, "failed"), Content: []sdk.Content{}}
		var text strings.Builder
		onlyText := true
		for range rapid.IntRange(1, 3).Draw(t, "parts") {
			if rapid.IntRange(0, 3).Draw(t, "kind") == 0 {
				onlyText = false
				want.Content = append(want.Content, &sdk.ImageContent{Data: rapid.SliceOfN(rapid.Byte(), 1, 9).Draw(t, "image"), MIMEType: "image/png"})
				continue
			}
			part := rapid.StringN(1, -1, -1).Draw(t, "text")
			text.WriteString(part)
			want.Content = append(want.Content, &sdk.TextContent{Text: part})
		}
		if rapid.Bool().Draw(t, "structured") {
			want.StructuredContent = map[string]any{"n": json.Number("9007199254740993"), "t": "<&>"}
		}
		raw, err := json.Marshal(want)
		if err != nil {
			t.Fatal(err)
		}
		h := &foreigntest.Hearer{}
		line := call("1", "a") + "\n" + fmt.Sprintf(`{"jsonrpc":"2.0","id":1,"result":%s}`, raw)
		if err := (mcp{}).Read(strings.NewReader(line), h); err != nil || len(h.List) != 1 || len(h.Refused)+len(h.Losses) > 0 {
			t.Fatalf("%s: %v, %+v", line, err, h)
		}
		c := h.List[0].Calls[0]
		if onlyText && string(c.Response) != text.String() || (c.Status == foreign.StatusFailed) != want.IsError {
			t.Fatalf("%s is %q, status %d", raw, c.Response, c.Status)
		}
		if !onlyText {
			if got, want := exactJSON(t, c.Response), exactJSON(t, raw).(map[string]any)["content"]; !reflect.DeepEqual(got, want) {
				t.Fatalf("the content is %v, expected %v", got, want)
			}
		}
		d, err := jsontext.FieldsOf(c.Details)
		if err != nil {
			t.Fatal(err)
		}
		if kept := d.Get("result"); want.StructuredContent != nil && !reflect.DeepEqual(exactJSON(t, kept), exactJSON(t, raw)) {
			t.Fatalf("the result %s is kept as %s", raw, kept)
		}
	})
}
