package export

import (
	"bytes"
	"context"
	"slices"
	"strings"
	"testing"

	"github.com/mythos-project/mythos/dataset"
	"github.com/mythos-project/mythos/dataset/redact"
	"github.com/mythos-project/mythos/dataset/signal"
	"github.com/mythos-project/mythos/exec/ir"
	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/object/sign"
	"github.com/mythos-project/mythos/store/codec"
)

// TestRedactEvidence redacts before building and examines everything that the redacted episodes name: the removed data
// is nowhere, neither as bytes nor as a hash.
func TestRedactEvidence(t *testing.T) {
	ctx := context.Background()
	w, ids, _, _ := exported(t, 5)
	w.signal(ids[0], signal.Label, ir.TextScalar("of ann@example.org"))
	hidden := w.call(99, 404, "\xff ann@example.org", "")
	ids = append(ids, hidden)
	red, err := redact.Parse([]byte("- {regex: '[a-z]+@[a-z.]+', label: email}\n"), []byte("0123456789abcdef"))
	w.must(err)
	r := &Redactor{Store: w.store, Source: w.src, Signer: sign.FromSeed([32]byte{5}, "redactor"), Redaction: red, Payload: StorePayload(w.store)}
	out, err := r.Redact(ctx, ids)
	w.must(err)
	again, err := r.Redact(ctx, ids)
	if err != nil || !slices.Equal(again, out) {
		t.Errorf("redacting again gives others: %v", err)
	}
	for query, want := range map[string]int{`has_tool("wc") and status == 200`: 5, "status == 404": 1, "signal.reward <= -4": 1,
		`episode.trace_ref.trace_blob.media == "` + redact.Media + `"`: 6} {
		got, err := dataset.Select(ctx, w.src, w.def(query, out))
		if err != nil || len(got.IDs) != want {
			t.Errorf("%s selects %v: %v", query, got, err)
		}
	}
	built, err := dataset.Build(ctx, w.store, w.src, w.def("true", out))
	w.must(err)
	var lines bytes.Buffer
	_, err = To(ctx, w.src, built.Manifest.CID, &lines, Options{Payload: StorePayload(w.store)})
	w.must(err)
	everything := lines.String()
	for _, id := range out {
		everything += reach(t, w, id)
	}
	if strings.Contains(everything, "ann@") || strings.Count(lines.String(), "[email:") < 10 || !strings.Contains(lines.String(), "[withheld:") {
		t.Errorf("it leaks or hides too much: %s", everything)
	}
	for i := range ids[:5] {
		for _, payload := range []string{`answer ` + string(rune('0'+i)) + ` for ann@example.org`} {
			if strings.Contains(everything, object.SumText(payload).String()) {
				t.Errorf("the hash of %q is told", payload)
			}
		}
	}
}

// reach is the content of an episode's objects and of the bytes they name, in hex and as text.
func reach(t *testing.T, w *house, id object.Hash) string {
	t.Helper()
	ctx := context.Background()
	raw, err := w.src.Episode(ctx, id)
	w.must(err)
	e, err := object.Decode[object.EpisodeRef](raw)
	w.must(err)
	p := e.TraceRef.TraceBlob.Provenance
	if p == nil || p.Transform != redact.Transform || len(p.Parents) != 1 || p.Params["key_id"] == "" || p.CodeHash.IsZero() {
		t.Errorf("provenance %+v", p)
	}
	all := []string{string(raw), e.ContextHash.String(), e.OutcomeHash.String()}
	blob, err := w.store.OpenBlob(ctx, e.TraceRef.TraceBlob.CID, codec.Keys{})
	w.must(err)
	var trace bytes.Buffer
	err = blob.Copy(ctx, &trace)
	w.must(err)
	all = append(all, trace.String())
	for _, rid := range e.TraceRef.ReceiptIDs {
		r, err := w.src.Receipt(ctx, rid)
		w.must(err)
		all = append(all, r.RequestHash.String(), r.ResponseHash.String(), *r.Notes)
		for _, h := range []object.Hash{r.RequestHash, r.ResponseHash} {
			data, err := w.store.Bytes(ctx, h)
			w.must(err)
			all = append(all, string(data))
		}
	}
	return strings.Join(all, "\n")
}
