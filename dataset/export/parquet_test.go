package export

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"math"
	"testing"

	"github.com/parquet-go/parquet-go"

	"github.com/mythos-project/mythos/dataset/signal"
	"github.com/mythos-project/mythos/exec/ir"
	"github.com/mythos-project/mythos/object"
)

// readRow is a row for a reader that knows only the documented columns.
type readRow struct {
	EpisodeID string  `parquet:"episode_id"`
	Time      int64   `parquet:"time_observed,timestamp(microsecond)"`
	Outcome   *string `parquet:"outcome,optional"`
	Receipts  []struct {
		ReceiptID string `parquet:"receipt_id"`
		Status    int32  `parquet:"status"`
		Response  *struct {
			Text *string `parquet:"text,optional"`
		} `parquet:"response,optional"`
	} `parquet:"receipts,list"`
	Signals []struct {
		Type   string `parquet:"type"`
		Value  string `parquet:"value"`
		Number *int64 `parquet:"number,optional"`
	} `parquet:"signals,list"`
}

// TestParquetHoldsTheLines exports a dataset in both formats and compares row by row.
func TestParquetHoldsTheLines(t *testing.T) {
	ctx := context.Background()
	w, ids, _, built := exported(t, 300)
	w.signal(ids[0], signal.Label, ir.TextScalar("good"))
	w.signal(ids[1], signal.Label, ir.U64Scalar(math.MaxUint64))
	split, err := ParseSplit("train=0.7,test=0.3")
	w.must(err)
	o := Options{Split: split, Shards: 2, Payload: StorePayload(w.store)}
	lines, tables := folder{}, folder{}
	o.Open = lines.open
	text, err := Write(ctx, w.src, built.Manifest.CID, o)
	w.must(err)
	o.Open, o.Format = tables.open, Parquet
	files, err := Write(ctx, w.src, built.Manifest.CID, o)
	w.must(err)
	if len(files) != len(text) {
		t.Fatalf("%d files, %d of text", len(files), len(text))
	}
	for i, f := range files {
		raw := tables[f.Name].Bytes()
		if object.Sum(raw) != f.SHA256 || int64(len(raw)) != f.Bytes || f.Rows != text[i].Rows || f.Name != f.Part+fmt.Sprintf("-%05d-of-00002.parquet", i%2) {
			t.Errorf("%+v beside %+v", f, text[i])
		}
		sameRows(t, lines[text[i].Name].Bytes(), raw)
	}
}

func sameRows(t *testing.T, lines, table []byte) {
	t.Helper()
	rows, err := parquet.Read[readRow](bytes.NewReader(table), int64(len(table)))
	if err != nil {
		t.Fatal(err)
	}
	for text := range bytes.Lines(lines) {
		var l Line
		dec := json.NewDecoder(bytes.NewReader(text))
		dec.UseNumber()
		if err := dec.Decode(&l); err != nil || len(rows) == 0 {
			t.Fatalf("%d rows: %v", len(rows), err)
		}
		r := rows[0]
		rows = rows[1:]
		if r.EpisodeID != l.EpisodeID.String() || r.Time != int64(l.Time) || len(r.Receipts) != 1 || len(r.Signals) != len(l.Signals) {
			t.Fatalf("%+v is not %s", r, text)
		}
		if c := r.Receipts[0]; c.ReceiptID != l.Receipts[0].ReceiptID.String() || c.Status != 200 || *c.Response.Text != *l.Receipts[0].Response.Text {
			t.Errorf("%+v is not %s", c, text)
		}
		for i, s := range r.Signals {
			if want := fmt.Sprint(l.Signals[i].Value); s.Type != l.Signals[i].Type || s.Value != want || (s.Number == nil) != (want == "good" || want == fmt.Sprint(uint64(math.MaxUint64))) {
				t.Errorf("signal %+v is not %+v", s, l.Signals[i])
			}
		}
	}
	if len(rows) != 0 {
		t.Errorf("%d rows more than lines", len(rows))
	}
}

// TestParquetIsDeterministic: no byte depends on the parallelism; row groups are bounded.
func TestParquetIsDeterministic(t *testing.T) {
	ctx := context.Background()
	w, _, _, built := exported(t, 200)
	big := bytes.Repeat([]byte("x"), 1<<20)
	o := Options{Format: Parquet, Payload: func(context.Context, object.Hash) ([]byte, bool, error) { return nil, false, nil }}
	var first bytes.Buffer
	_, err := To(ctx, w.src, built.Manifest.CID, &first, o)
	w.must(err)
	for _, o.Workers = range []int{1, 2, 7} {
		var again bytes.Buffer
		_, err := To(ctx, w.src, built.Manifest.CID, &again, o)
		w.must(err)
		if !bytes.Equal(again.Bytes(), first.Bytes()) {
			t.Errorf("%d workers make another file", o.Workers)
		}
	}
	var out bytes.Buffer
	p := newTableWriter(RowsRaw, &out, nil)
	text := string(big)
	for range 3 * groupBytes / len(big) {
		w.must(p.write([]parquetRow{{Outcome: &text}}, []int{len(big)}))
	}
	w.must(p.close())
	f, err := parquet.OpenFile(bytes.NewReader(out.Bytes()), int64(out.Len()))
	w.must(err)
	if n := len(f.RowGroups()); n != 3 || f.NumRows() != int64(3*groupBytes/len(big)) {
		t.Errorf("%d row groups of %d rows", n, f.NumRows())
	}
}
