package datasets

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"github.com/mythos-project/mythos/dataset"
	"github.com/mythos-project/mythos/dataset/export"
	"github.com/mythos-project/mythos/object"
)

// spent is wall time and processor time.
type spent struct{ wall, cpu time.Duration }

func (s *spent) on(b *testing.B, work func()) {
	runtime.GC()
	at, used := time.Now(), cpu(b)
	work()
	s.wall, s.cpu = s.wall+time.Since(at), s.cpu+cpu(b)-used
}

func (s *spent) report(b *testing.B, name string) {
	b.ReportMetric(s.wall.Seconds()/float64(b.N), name+"-s")
	b.ReportMetric(s.cpu.Seconds()/float64(b.N), name+"-cpu-s")
}

// BenchmarkHashN selects the 10,000 smallest by keyed hash of 1,000,000 ids, here from the embedded store and in DuckDB
// from a table in memory.
func BenchmarkHashN(b *testing.B) {
	ctx, w, db := context.Background(), newWorld(b, 0, 0), duck(b)
	const count, n = 1_000_000, 10_000
	for i := range count {
		var id object.Hash
		id.Alg = object.SHA256
		id.Sum[0], id.Sum[1], id.Sum[2] = byte(i>>16), byte(i>>8), byte(i)
		w.ids = append(w.ids, id)
	}
	def := w.def("true", n)
	ask(b, db, fmt.Sprintf(`CREATE TABLE ids AS SELECT rpad(printf('%%06x', range), 64, '0') AS id FROM range(%d)`, count))
	var ours, theirs spent
	for b.Loop() {
		ours.on(b, func() {
			if sel, err := dataset.Select(ctx, w.src, def); err != nil || len(sel.IDs) != n {
				b.Fatal(err)
			}
		})
		theirs.on(b, func() {
			got := ask(b, db, fmt.Sprintf(`SELECT count(*) FROM (SELECT id FROM ids ORDER BY sha256('%s' || id) LIMIT %d)`, def.Sampling.Seed, n))
			if got[0] != fmt.Sprint(n) {
				b.Fatal(got)
			}
		})
	}
	ours.report(b, "mythos")
	theirs.report(b, "duckdb")
}

// BenchmarkPredicate asks for episodes by time and reward: here in the embedded store, in
// DuckDB over the Parquet files of an export, which hold nothing but what is asked for
// and more.
func BenchmarkPredicate(b *testing.B) {
	ctx, w, db, dir := context.Background(), newWorld(b, 20_000, 64), duck(b), b.TempDir()
	w.export(dir, export.Parquet, 2)
	def := w.def("episode.time_observed >= 100000000 and signal.reward >= 5", 0)
	var ours, theirs spent
	selected := 0
	for b.Loop() {
		ours.on(b, func() { selected = len(must[*dataset.Selection](b)(dataset.Select(ctx, w.src, def)).IDs) })
		theirs.on(b, func() {
			got := ask(b, db, `SELECT count(*) FROM (SELECT episode_id FROM read_parquet('`+dir+`/*.parquet')
				WHERE epoch_us(time_observed) >= 100000000 AND list_contains([s.number >= 5 FOR s IN signals], true))`)
			if got[0] != fmt.Sprint(selected) {
				b.Fatalf("DuckDB selects %s, we %d", got[0], selected)
			}
		})
	}
	ours.report(b, "mythos")
	theirs.report(b, "duckdb")
	b.ReportMetric(float64(b.N*len(w.ids))/ours.cpu.Seconds(), "episodes/cpu-s")
}

// BenchmarkExport writes payloads as Parquet and as JSON lines, and copies the
// same payloads from the store into a file.
func BenchmarkExport(b *testing.B) {
	for _, size := range []int{1 << 10, 16 << 10} {
		b.Run(fmt.Sprint(size), func(b *testing.B) { benchExport(b, size) })
	}
}

func benchExport(b *testing.B, size int) {
	ctx, w, dir := context.Background(), newWorld(b, min((32<<20)/size, 8000), size), b.TempDir()
	var raw, table, lines spent
	for b.Loop() {
		raw.on(b, func() { w.copyRaw(ctx, filepath.Join(dir, "raw")) })
		table.on(b, func() { w.export(dir, export.Parquet, 1) })
		lines.on(b, func() { w.export(dir, export.JSONL, 1) })
	}
	b.ReportMetric(float64(b.N*2*len(w.ids)*size)/1e6/raw.wall.Seconds(), "raw-MB/s")
	b.ReportMetric(float64(b.N*2*len(w.ids)*size)/1e6/table.wall.Seconds(), "parquet-MB/s")
	b.ReportMetric(float64(raw.wall)/float64(table.wall), "parquet/raw")
	b.ReportMetric(float64(raw.cpu)/float64(table.cpu), "parquet/raw-cpu")
	b.ReportMetric(float64(raw.cpu)/float64(lines.cpu), "jsonl/raw-cpu")
}

// copyRaw writes every payload, checked against its hash, and nothing else.
func (w *world) copyRaw(ctx context.Context, name string) {
	out := must[*os.File](w.tb)(os.Create(name))
	defer out.Close()
	for _, id := range w.ids {
		raw := must[[]byte](w.tb)(w.src.Episode(ctx, id))
		e := must[*object.EpisodeRef](w.tb)(object.Decode[object.EpisodeRef](raw))
		for _, rid := range e.TraceRef.ReceiptIDs {
			r, err := w.src.Receipt(ctx, rid)
			if err != nil {
				w.tb.Fatal(err)
			}
			for _, h := range []object.Hash{r.RequestHash, r.ResponseHash} {
				data, found, err := export.StorePayload(w.store)(ctx, h)
				if err != nil || !found {
					w.tb.Fatal(found, err)
				}
				must[int](w.tb)(io.Writer(out).Write(data))
			}
		}
	}
}
