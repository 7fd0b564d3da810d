//go:build unix

package engine_test

import (
	"context"
	"crypto/rand"
	"fmt"
	"os"
	"sync"
	"sync/atomic"
	"testing"
	"time"

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

// at has callers call fn b.N times in all, and reports how often a second.
func at(b *testing.B, callers int, fn func(ctx context.Context, i int64) error) {
	var next atomic.Int64
	var wg sync.WaitGroup
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
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "/s")
}

// BenchmarkEffects measures keyed effects (register, receipt, commit; each durable) in PostgreSQL beside plain durable inserts
// of 200 bytes by as many clients with a connection each, on the same server in the same run.
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
		b.Run(fmt.Sprintf("effects/%d", callers), func(b *testing.B) {
			db, err := postgres.Open(pgtest.Shared(b).Database(b), postgres.Options{})
			if err != nil {
				b.Fatal(err)
			}
			defer db.Close()
			if err := db.Create(b.Context(), postgres.NewAbout("", false)); err != nil {
				b.Fatal(err)
			}
			l := kvledger.Open(db, sign.FromSeed([32]byte{1}, "bench"), func() object.Time { return object.TimeOf(time.Now()) })
			tool := object.SumText("tool")
			at(b, callers, func(ctx context.Context, i int64) error { return effect(ctx, l, tool, fmt.Sprint(i)) })
		})
	}
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
