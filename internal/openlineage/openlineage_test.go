package openlineage

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	datasets "github.com/mythos-project/mythos/dataset"
	"github.com/mythos-project/mythos/ledger"
	"github.com/mythos-project/mythos/model"
	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/object/sign"
)

var key = sign.FromSeed([32]byte{1}, "lab")

// past is a ledger with one effect: an attempt that failed, and one whose receipt is id.
type past struct {
	id object.Hash
	r  *ledger.Receipt
}

func newPast(t *testing.T, status uint16) past {
	t.Helper()
	id, raw, err := ledger.NewReceipt(key, ledger.Receipt{ToolID: object.SumText("tool"), RequestHash: object.SumText("q"), ResponseHash: object.SumText("a"), IdempotencyKey: []byte("k"), TimeObserved: 1790000000000000, Status: status})
	if err != nil {
		t.Fatal(err)
	}
	r, _, err := ledger.OpenReceipt(raw)
	if err != nil {
		t.Fatal(err)
	}
	return past{id, r}
}

func (p past) Receipt(_ context.Context, id object.Hash) (*ledger.Receipt, error) {
	if id != p.id {
		return nil, ledger.ErrNotFound
	}
	return p.r, nil
}

func (p past) Read(context.Context, object.Hash) (ledger.State, error) {
	at := func(t object.Time) ledger.Entry {
		return ledger.Entry{Register: &ledger.EffectRegister{TimeObserved: t}}
	}
	end := func(id object.Hash) ledger.Entry {
		return ledger.Entry{Commit: &ledger.EffectCommit{ReceiptID: id}}
	}
	return ledger.State{History: []ledger.Entry{at(1780000000000000), end(object.SumText("failed before")), at(1789999999000000), end(p.id), at(1800000000000000)}}, nil
}

func (p past) emitter(t *testing.T, sink Sink) (*Emitter, *[]string) {
	notes := &[]string{}
	return &Emitter{Sink: sink, Evidence: p, History: p, Note: func(format string, args ...any) { *notes = append(*notes, fmt.Sprintf(format, args...)) }}, notes
}

// TestEvents writes the events of a build twice: they are equal, and satisfy the published schema.
func TestEvents(t *testing.T) {
	p := newPast(t, 200)
	file := filepath.Join(t.TempDir(), "events.jsonl")
	e, notes := p.emitter(t, Sink{To: file})
	def := &datasets.DatasetDef{DatasetDefID: object.SumText("def"), CorpusRoots: []object.Hash{object.SumText("c")}, SignalRoots: []object.Hash{object.SumText("s")}}
	ref := &datasets.DatasetRef{Manifest: object.BlobRef{CID: object.SumText("m")}, Count: 7, BuildReceiptID: p.id}
	e.Built(context.Background(), def, ref)
	e.Built(context.Background(), def, ref)
	text, err := os.ReadFile(file)
	if err != nil || len(*notes) != 0 {
		t.Fatalf("%v: %v", *notes, err)
	}
	lines := bytes.SplitAfter(text, []byte("\n"))
	if len(lines) != 5 || !bytes.Equal(lines[0], lines[2]) || !bytes.Equal(lines[1], lines[3]) {
		t.Fatalf("%s", text)
	}
	for i, want := range []string{`START 2026-09-21T14:13:19.000000Z 2 0`, `COMPLETE 2026-09-21T14:13:20.000000Z 2 1`} {
		var v event
		if err := json.Unmarshal(lines[i], &v); err != nil {
			t.Fatal(err)
		}
		if got := fmt.Sprint(v.Type, " ", v.Time, " ", len(v.Inputs), len(v.Outputs)); got != want {
			t.Errorf("%s, expected %s", got, want)
		}
		if !regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`).MatchString(v.Run.ID) || !strings.HasPrefix(p.id.String(), v.Run.ID[:8]) {
			t.Errorf("run %s of receipt %s", v.Run.ID, p.id)
		}
		if v.Job.Name != "dataset.build/"+def.DatasetDefID.String() || v.Job.Namespace != "mythos:"+key.Agent().KeyHex() || v.Producer == "" || v.Schema == "" || v.Run.Facets.Receipt.ID != p.id {
			t.Errorf("%+v", v)
		}
	}
	if !bytes.Contains(lines[1], []byte(`"rowCount":7`)) || bytes.Contains(text, []byte("null")) {
		t.Errorf("%s", text)
	}
}

// TestFailures: a failed run reports no output; a promotion without a receipt is not reported.
func TestFailures(t *testing.T) {
	p := newPast(t, 500)
	file := filepath.Join(t.TempDir(), "events.jsonl")
	e, _ := p.emitter(t, Sink{To: file})
	e.Trained(context.Background(), object.SumText("recipe"), &datasets.DatasetRef{}, object.Hash{}, p.id)
	text, err := os.ReadFile(file)
	if err != nil || !bytes.Contains(text, []byte(`"eventType":"FAIL"`)) || bytes.Contains(text, []byte(`"name":"model/`)) {
		t.Errorf("%s: %v", text, err)
	}
	e.Promoted(context.Background(), &model.PromotionRecord{}, nil)
	if again, err := os.ReadFile(file); err != nil || len(again) != len(text) {
		t.Errorf("%s: %v", again, err)
	}
}

// TestServer: each event is a request with the key; a refusal, a redirect, an odd file and a missing receipt become
// notes.
func TestServer(t *testing.T) {
	p := newPast(t, 200)
	var got []string
	status := http.StatusCreated
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		body, _ := io.ReadAll(q.Body)
		got = append(got, q.Method+" "+q.Header.Get("Authorization")+" "+q.Header.Get("Content-Type")+" "+string(body[:20]))
		w.Header().Set("Location", "/elsewhere")
		w.WriteHeader(status)
	}))
	defer server.Close()
	promote := func(e *Emitter, id object.Hash) {
		e.Promoted(context.Background(), &model.PromotionRecord{ModelID: object.SumText("m"), RingID: 1, Signer: key.Agent()}, []object.Hash{id})
	}
	e, notes := p.emitter(t, Sink{To: server.URL, Key: "secret"})
	promote(e, p.id)
	if len(*notes) != 0 || len(got) != 2 || got[0] != `POST Bearer secret application/json {"eventType":"START"` {
		t.Fatalf("%q, %v", got, *notes)
	}
	for _, status = range []int{http.StatusFound, http.StatusServiceUnavailable} {
		promote(e, p.id)
	}
	if len(*notes) != 2 || len(got) != 4 || !strings.Contains((*notes)[1], "503") || strings.Contains(strings.Join(*notes, " "), "secret") {
		t.Errorf("%q, %v", got, *notes)
	}
	promote(e, object.SumText("not here"))
	e.Sink.To = t.TempDir()
	promote(e, p.id)
	e.Sink.To = "http://example.invalid/"
	promote(e, p.id)
	e.Sink.To = ""
	promote(e, p.id)
	if len(*notes) != 5 || !strings.Contains((*notes)[4], "plain HTTP") {
		t.Errorf("%v", *notes)
	}
}
