//go:build unix

package engine_test

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/mythos-project/mythos/internal/pgtest"
	"github.com/mythos-project/mythos/internal/s3test"
	"github.com/mythos-project/mythos/ledger"
	"github.com/mythos-project/mythos/ledger/kvledger"
	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/object/sign"
	"github.com/mythos-project/mythos/store/postgres"
)

func TestMain(m *testing.M) {
	code := pgtest.Main(m)
	s3test.StopShared()
	os.Exit(code)
}

// at runs fn b.N times in all from the given number of callers, and reports the rate, and the processor time of a call
// here and in the server.
func at(b *testing.B, callers int, fn func(ctx context.Context, i int64) error) {
	var next atomic.Int64
	var wg sync.WaitGroup
	here, there := processors(b)
	b.ResetTimer()
	for range callers {
		wg.Go(func() {
			for i := next.Add(1); i <= int64(b.N); i = next.Add(1) {
				if err := fn(b.Context(), i); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
	b.StopTimer()
	endHere, endThere := processors(b)
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "/s")
	b.ReportMetric(float64((endHere-here).Microseconds())/float64(b.N), "µs-here/op")
	b.ReportMetric(float64((endThere-there).Microseconds())/float64(b.N), "µs-there/op")
}

// processors returns the processor time of this process and of the server.
func processors(b *testing.B) (here, there time.Duration) {
	b.Helper()
	var used syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &used); err != nil {
		b.Fatal(err)
	}
	there, err := pgtest.Shared(b).CPU()
	if err != nil && !errors.Is(err, errors.ErrUnsupported) {
		b.Fatal(err)
	}
	return time.Duration(used.Utime.Nano() + used.Stime.Nano()), there
}

// BenchmarkEffects measures keyed effects (register, receipt, commit; each durable) in PostgreSQL, next to plain
// durable inserts of 200 bytes by as many clients with one connection each, on the same server in the same run.
func BenchmarkEffects(b *testing.B) {
	for _, callers := range []int{1, 8, 64} {
		b.Run(fmt.Sprintf("inserts/%d", callers), func(b *testing.B) {
			pool, err := pgxpool.New(b.Context(), pgtest.Shared(b).Database(b)+fmt.Sprintf("&pool_max_conns=%d", callers))
			if err != nil {
				b.Fatal(err)
			}
			defer pool.Close()
			if _, err := pool.Exec(b.Context(), "CREATE SCHEMA mythos; CREATE TABLE mythos.t (k bytea PRIMARY KEY, v bytea)"); err != nil {
				b.Fatal(err)
			}
			value := make([]byte, 200)
			at(b, callers, func(ctx context.Context, _ int64) error {
				_, err := pool.Exec(ctx, "INSERT INTO mythos.t VALUES ($1, $2)", []byte(rand.Text()), value)
				return err
			})
		})
	}
	for _, n := range []struct{ processes, callers int }{{1, 1}, {1, 8}, {1, 64}, {8, 8}} {
		b.Run(fmt.Sprintf("effects/%dx%d", n.processes, n.callers), func(b *testing.B) { benchEffects(b, n.processes, n.callers) })
	}
}

// benchEffects measures as many ledgers as there would be processes, each with its own connections and callers.
func benchEffects(b *testing.B, processes, callers int) {
	address := pgtest.Shared(b).Database(b)
	ledgers := make([]*kvledger.Ledger, processes)
	for i := range ledgers {
		db, err := postgres.Open(address, postgres.Options{})
		if err != nil {
			b.Fatal(err)
		}
		defer db.Close()
		if i == 0 {
			if err := db.Create(b.Context(), postgres.NewAbout("", false)); err != nil {
				b.Fatal(err)
			}
		}
		ledgers[i] = kvledger.Open(db, sign.FromSeed([32]byte{1}, "bench"), func() object.Time { return object.TimeOf(time.Now()) })
	}
	tool := object.SumText("tool")
	wal, stored := written(b, address)
	at(b, processes*callers, func(ctx context.Context, i int64) error {
		return effect(ctx, ledgers[i%int64(processes)], tool, fmt.Sprint(i))
	})
	endWAL, endStored := written(b, address)
	b.ReportMetric(float64(endWAL-wal)/float64(b.N), "wal-B/op")
	b.ReportMetric(float64(endStored-stored)/float64(b.N), "stored-B/op")
}

// written returns how many bytes the server has written to its log, and how many the repository's tables have.
func written(b *testing.B, address string) (wal, stored int64) {
	b.Helper()
	conn, err := pgx.Connect(b.Context(), address)
	if err != nil {
		b.Fatal(err)
	}
	defer conn.Close(context.WithoutCancel(b.Context()))
	if err := conn.QueryRow(b.Context(), "SELECT (pg_current_wal_insert_lsn() - '0/0')::bigint, pg_total_relation_size('mythos.kv')").Scan(&wal, &stored); err != nil {
		b.Fatal(err)
	}
	return wal, stored
}

func effect(ctx context.Context, l *kvledger.Ledger, tool object.Hash, key string) error {
	d, err := l.Register(ctx, tool, []byte(key), tool, ledger.Policy{Lease: time.Minute})
	if err != nil {
		return err
	}
	_, raw, err := l.NewReceipt(ledger.Receipt{ToolID: tool, RequestHash: tool, ResponseHash: tool, IdempotencyKey: []byte(key), Status: 200})
	if err != nil {
		return err
	}
	return l.Commit(ctx, d, raw)
}
