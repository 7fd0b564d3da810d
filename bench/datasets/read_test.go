package datasets

import (
	"bufio"
	"context"
	"crypto/md5"
	"database/sql"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/apache/arrow-go/v18/parquet/file"
	"github.com/apache/arrow-go/v18/parquet/pqarrow"
	_ "github.com/marcboeker/go-duckdb/v2"

	"github.com/mythos-project/mythos/dataset/export"
)

func duck(tb testing.TB) *sql.DB {
	db := must[*sql.DB](tb)(sql.Open("duckdb", ""))
	tb.Cleanup(func() { db.Close() })
	return db
}

// ask returns the rows of a query, as one text each.
func ask(tb testing.TB, db *sql.DB, query string) (rows []string) {
	tb.Helper()
	r := must[*sql.Rows](tb)(db.Query(query))
	defer r.Close()
	columns := must[[]string](tb)(r.Columns())
	for r.Next() {
		values := make([]any, len(columns))
		into := make([]any, len(columns))
		for i := range values {
			into[i] = &values[i]
		}
		must[struct{}](tb)(struct{}{}, r.Scan(into...))
		rows = append(rows, fmt.Sprint(values...))
	}
	must[struct{}](tb)(struct{}{}, r.Err())
	return rows
}

// TestDuckDBReadsWhatWasExported reads Parquet and JSON lines with DuckDB and compares
// every row with the lines.
func TestDuckDBReadsWhatWasExported(t *testing.T) {
	w, dir, db := newWorld(t, 500, 300), t.TempDir(), duck(t)
	w.export(dir, export.Parquet, 3)
	lines := readLines(t, w, dir)
	columns := `SELECT concat_ws('|', episode_id, epoch_us(CAST(time_observed AS TIMESTAMP)), receipts[1].status, md5(receipts[1].request.text), md5(receipts[1].response.text),
		signals[1].value, len(receipts), len(signals)) FROM `
	rows := ask(t, db, columns+`read_parquet('`+dir+`/*.parquet') ORDER BY episode_id`)
	again := ask(t, db, columns+`read_json('`+dir+`/*.jsonl') ORDER BY episode_id`)
	if len(rows) != len(lines) || len(again) != len(lines) || len(rows) != 500 {
		t.Fatalf("%d rows of Parquet, %d of JSON, %d lines", len(rows), len(again), len(lines))
	}
	for i, l := range lines {
		r := l.Receipts[0]
		want := fmt.Sprintf("%s|%d|%d|%x|%x|%v|1|1", l.EpisodeID, int64(l.Time), r.Status, md5.Sum([]byte(*r.Request.Text)), md5.Sum([]byte(*r.Response.Text)), l.Signals[0].Value)
		if rows[i] != want || again[i] != want {
			t.Errorf("Parquet %s\nJSON %s\nexpected %s", rows[i], again[i], want)
		}
	}
	if got := ask(t, db, `SELECT count(*) FROM read_parquet('`+dir+`/*.parquet') WHERE list_contains([s.number >= 5 FOR s IN signals], true)`); got[0] != "250" {
		t.Errorf("%s rows with a reward of at least 5", got)
	}
}

func readLines(t *testing.T, w *world, dir string) (lines []export.Line) {
	for _, f := range w.export(dir, export.JSONL, 2) {
		in := must[*os.File](t)(os.Open(filepath.Join(dir, f.Name)))
		sc := bufio.NewScanner(in)
		sc.Buffer(nil, 1<<20)
		for sc.Scan() {
			var l export.Line
			must[struct{}](t)(struct{}{}, json.Unmarshal(sc.Bytes(), &l))
			lines = append(lines, l)
		}
		in.Close()
	}
	return lines
}

// TestArrowReadsWhatWasExported reads Parquet with Apache Arrow, on which pandas and the usual dataset loaders are
// based.
func TestArrowReadsWhatWasExported(t *testing.T) {
	w, dir := newWorld(t, 200, 300), t.TempDir()
	w.export(dir, export.Parquet, 1)
	lines := readLines(t, w, dir)
	in := must[*file.Reader](t)(file.OpenParquetFile(filepath.Join(dir, "data-00000-of-00001.parquet"), false))
	defer in.Close()
	fr := must[*pqarrow.FileReader](t)(pqarrow.NewFileReader(in, pqarrow.ArrowReadProperties{}, memory.DefaultAllocator))
	table, err := fr.ReadTable(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	defer table.Release()
	if table.NumRows() != 200 {
		t.Fatalf("%d rows", table.NumRows())
	}
	at := table.Schema().FieldIndices("episode_id")[0]
	row := 0
	for _, chunk := range table.Column(at).Data().Chunks() {
		ids := chunk.(*array.String)
		for i := range ids.Len() {
			if ids.Value(i) != lines[row].EpisodeID.String() {
				t.Errorf("row %d is %s", row, ids.Value(i))
			}
			row++
		}
	}
	receipts := table.Column(table.Schema().FieldIndices("receipts")[0]).Data().Chunk(0).(*array.List)
	request := receipts.ListValues().(*array.Struct).Field(9).(*array.Struct).Field(0).(*array.String)
	if request.Value(0) != *lines[0].Receipts[0].Request.Text {
		t.Errorf("request %q", request.Value(0))
	}
}
