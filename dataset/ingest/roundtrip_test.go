package ingest

import (
	"context"
	"reflect"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/mythos-project/mythos/dataset"
	"github.com/mythos-project/mythos/dataset/export"
	"github.com/mythos-project/mythos/dataset/ingest/foreign"
	"github.com/mythos-project/mythos/internal/jsontext"
	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/object/sign"
	"github.com/mythos-project/mythos/store"
	"github.com/mythos-project/mythos/store/codec"
	"github.com/mythos-project/mythos/store/memory"
)

// failing is a test, or one draw of a property test.
type failing interface {
	Fatal(args ...any)
	Fatalf(format string, args ...any)
}

// exportedRows imports a text into a store of its own and exports the result.
func exportedRows(t failing, form foreign.Reader, text string, rows export.Rows) string {
	ctx := context.Background()
	db := memory.New()
	s := store.New(db, db)
	im := &Importer{Store: s, Signer: sign.FromSeed([32]byte{3}, "importer"), Strict: true}
	got, err := im.Import(ctx, form, strings.NewReader(text))
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	list, _, err := dataset.SnapshotCorpus(ctx, s, got.Episodes)
	if err != nil {
		t.Fatal(err)
	}
	trace := func(ctx context.Context, cid object.Hash) ([]byte, bool, error) {
		b, err := s.OpenBlob(ctx, cid, codec.Keys{})
		if err != nil {
			return nil, false, err
		}
		var data strings.Builder
		err = b.Copy(ctx, &data)
		return []byte(data.String()), true, err
	}
	var out strings.Builder
	_, err = export.To(ctx, &dataset.StoreSource{Store: s}, list.CID, &out, export.Options{Payload: export.StorePayload(s), Trace: trace, Rows: rows})
	if err != nil {
		t.Fatal(err)
	}
	return out.String()
}

// TestChatsComeOutAsTheyWentIn imports chats and exports their messages: every one of them, with the digits of its
// numbers.
func TestChatsComeOutAsTheyWentIn(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		line := drawChat(t)
		f, err := jsontext.FieldsOf([]byte(line))
		if err != nil {
			t.Fatal(err)
		}
		want := jsontext.Fields{{Name: "messages", Value: f.Get("messages")}}
		want.Add("tools", f.Get("tools"))
		got := exportedRows(t, chat{}, line, export.RowsMessages)
		if answeredNothing(t, f.Get("messages")) {
			return // an answer without a text gives no row
		}
		if !reflect.DeepEqual(exactJSON(t, []byte(got)), exactJSON(t, want.JSON())) {
			t.Fatalf("%s\nbecame %s", line, got)
		}
	})
}

// answeredNothing reports whether the assistant's last message is just an empty text.
func answeredNothing(t *rapid.T, raw []byte) bool {
	list, err := jsontext.ListOf(raw)
	if err != nil {
		t.Fatal(err)
	}
	for i := len(list) - 1; i >= 0; i-- {
		m, err := readMessage(list[i])
		if err != nil {
			t.Fatal(err)
		}
		if m.role == "assistant" {
			return m.bare() && len(m.text) == 0
		}
	}
	return true
}

// TestRowsComeOutAsTheyWentIn does the same with texts through a mapping.
func TestRowsComeOutAsTheyWentIn(t *testing.T) {
	m, err := ParseMapping([]byte("input: /prompt\noutput: /completion\n"))
	if err != nil {
		t.Fatal(err)
	}
	rapid.Check(t, func(t *rapid.T) {
		row := jsontext.Fields{{Name: "prompt", Value: jsontext.Text(rapid.String().Draw(t, "prompt"))}, {Name: "completion", Value: jsontext.Text(rapid.StringN(1, -1, -1).Draw(t, "completion"))}}
		prompt, err := jsontext.PlainText(row.Get("prompt"))
		if err != nil || strings.HasPrefix(prompt, "[") || strings.HasPrefix(prompt, "{") {
			return // JSON may be messages
		}
		got := exportedRows(t, m, string(row.JSON()), export.RowsPromptCompletion)
		if !reflect.DeepEqual(exactJSON(t, []byte(got)), exactJSON(t, row.JSON())) {
			t.Fatalf("%s\nbecame %s", row.JSON(), got)
		}
	})
}
